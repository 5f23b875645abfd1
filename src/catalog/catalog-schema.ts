// The tables of the catalog. They are part of the public contract (docs/guides/catalog.md): people query them. A change
// is one more migration at the end of the list; what is in the list is never edited.

/** Marks the file as ours: `Cair`. */
export const APPLICATION_ID = 0x43616972;

/** One migration for each version, the first one makes version 1. */
export const migrations: readonly string[] = [
  `
  create table schema_version (
    version integer primary key,
    applied_at text not null
  ) strict;

  create table vaults (
    id text primary key,
    url text not null,
    kind text not null check (kind in ('cairn', 'bakthat')),
    created_at text not null,
    updated_at text not null,
    synced_at text
  ) strict;

  create table backups (
    number integer primary key,
    vault text not null references vaults (id),
    form text not null check (form in ('snapshot', 'archive', 'replica', 'value')),
    id text not null,
    name text not null,
    time text not null,
    host text not null,
    bytes integer,
    stored_bytes integer,
    files integer,
    sha256 text,
    encrypted integer not null check (encrypted in (0, 1)),
    codec text,
    object text,
    created_at text not null,
    updated_at text not null,
    deleted_at text,
    unique (vault, form, id)
  ) strict;
  create index backups_by_name on backups (name, time);
  create index backups_by_time on backups (time);

  create table backup_tags (
    backup integer not null references backups (number) on delete cascade,
    tag text not null,
    primary key (backup, tag)
  ) strict, without rowid;
  create index backup_tags_by_tag on backup_tags (tag);

  create table backup_paths (
    backup integer not null references backups (number) on delete cascade,
    path text not null,
    primary key (backup, path)
  ) strict, without rowid;

  create view live_backups as select * from backups where deleted_at is null;

  create table runs (
    session text primary key,
    vault text not null references vaults (id),
    action text not null,
    host text not null,
    pid integer not null,
    started_at text not null,
    ended_at text,
    status text not null check (status in ('running', 'ok', 'partial', 'failed', 'aborted', 'lost')),
    error_code text,
    counts text not null
  ) strict;
  create index runs_by_time on runs (started_at);
  create index runs_going_on on runs (host) where status = 'running';

  create table proofs (
    id text primary key,
    vault text not null references vaults (id),
    form text not null,
    backup text not null,
    proved_at text not null,
    status text not null check (status in ('passed', 'failed')),
    host text not null,
    duration_ms integer not null,
    bytes integer,
    error_code text,
    checks text not null
  ) strict;
  create index proofs_by_backup on proofs (vault, form, backup, proved_at);

  create table settings (
    key text primary key,
    value text not null,
    updated_at text not null
  ) strict;

  create table history (
    number integer primary key autoincrement,
    at text not null,
    vault text not null,
    form text not null,
    backup text not null,
    change text not null check (change in ('added', 'updated', 'deleted', 'returned')),
    session text,
    fields text not null
  ) strict;
  create index history_by_backup on history (vault, form, backup);
  create trigger history_is_never_edited before update on history
    begin select raise(abort, 'the history is appended to only'); end;
  create trigger history_is_never_cut before delete on history
    begin select raise(abort, 'the history is appended to only'); end;
  `,
];

export const SCHEMA_VERSION: number = migrations.length;
