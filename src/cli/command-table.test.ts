import { expect, it } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { VaultCatalog } from '../vault/catalog/vault-catalog.ts';
import { Vault } from '../vault/vault.ts';
import { findCommand } from './command-table.ts';

// The command of bakthat, ours, and what does the same in code.
const commands: readonly (readonly [bakthat: string, command: string, inCode: unknown])[] = [
  ['backup', 'backup', Vault.prototype.backup],
  ['backup, as one file', 'archive', Vault.prototype.archive],
  ['restore', 'restore', Vault.prototype.restore],
  ['show', 'list', Vault.prototype.list],
  ['info', 'show', Vault.prototype.info],
  ['delete', 'delete', Vault.prototype.delete],
  ['delete_older_than', 'delete-older-than', Vault.prototype.deleteOlderThan],
  ['rotate_backups', 'rotate', Vault.prototype.rotate],
  ['periodic_backups', 'list', Vault.prototype.periodic],
  ['configure, configure_backups_rotation', 'config', loadConfig],
  ['sync, reset_sync', 'catalog', VaultCatalog.prototype.sync],
];

it.each(commands)('B01: %s of bakthat is a command here, and a function', (_, command, inCode) => {
  expect(findCommand(command)?.name).toBe(command);
  expect(inCode).toBeTypeOf('function');
});
