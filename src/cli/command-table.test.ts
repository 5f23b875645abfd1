import { expect, it } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { VaultCatalog } from '../vault/catalog/vault-catalog.ts';
import { Vault } from '../vault/vault.ts';
import { findCommand } from './command-table.ts';

const inVault = (name: keyof Vault): unknown => Reflect.get(Vault.prototype, name);
const inCatalog = (name: keyof VaultCatalog): unknown => Reflect.get(VaultCatalog.prototype, name);

// The command of bakthat, ours, and what does the same in code.
const commands: readonly (readonly [bakthat: string, command: string, inCode: unknown])[] = [
  ['backup', 'backup', inVault('backup')],
  ['backup, as one file', 'archive', inVault('archive')],
  ['restore', 'restore', inVault('restore')],
  ['show', 'list', inVault('list')],
  ['info', 'show', inVault('info')],
  ['delete', 'delete', inVault('delete')],
  ['delete_older_than', 'delete-older-than', inVault('deleteOlderThan')],
  ['rotate_backups', 'rotate', inVault('rotate')],
  ['periodic_backups', 'list', inVault('periodic')],
  ['configure, configure_backups_rotation', 'config', loadConfig],
  ['sync', 'catalog', inCatalog('sync')],
  ['reset_sync', 'catalog', inCatalog('rebuild')],
];

it.each(commands)('B01: %s of bakthat is a command here, and a function', (_, command, inCode) => {
  expect(findCommand(command)?.name).toBe(command);
  expect(inCode).toBeTypeOf('function');
});
