import type * as Package from '@azure/storage-blob';
import type { ContainerClient, StoragePipelineOptions } from '@azure/storage-blob';
import { CairnError } from '../../../base/errors.ts';
import { secretVariable } from '../../../base/secret-variable.ts';
import { refuseInClear } from '../http/clear-text.ts';

export type AzurePackage = Pick<
  typeof Package,
  'AnonymousCredential' | 'BlobServiceClient' | 'StorageSharedKeyCredential'
>;
type Environment = Readonly<Record<string, string | undefined>>;

/** One try of each request: what may pass is tried again by the retry layer, which says so. */
const PIPELINE: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

/** Loads `@azure/storage-blob`, which is installed by those who use Azure. */
export async function loadAzurePackage(): Promise<AzurePackage> {
  try {
    return await import('@azure/storage-blob');
  } catch (error) {
    throw new CairnError('NOT_SUPPORTED', 'Azure needs the package @azure/storage-blob, which is not installed', {
      hint: 'Install it beside cairn-backup: npm install @azure/storage-blob',
      cause: error,
    });
  }
}

/**
 * The container, with the account of the environment: `AZURE_STORAGE_CONNECTION_STRING`, or restic's
 * `AZURE_ACCOUNT_NAME` with `AZURE_ACCOUNT_KEY` or `AZURE_ACCOUNT_SAS`, and `AZURE_ENDPOINT_SUFFIX`.
 */
export function openContainer(azure: AzurePackage, container: string, env: Environment): ContainerClient {
  const connection = secretVariable(env, 'AZURE_STORAGE_CONNECTION_STRING');
  if (connection !== undefined)
    return checked(byConnectionString(azure, connection).getContainerClient(container), env);
  const account = valueOf(env, 'AZURE_ACCOUNT_NAME');
  if (account === undefined) throw noAccount('AZURE_ACCOUNT_NAME');
  // It becomes part of the host that gets the key.
  if (!/^[a-z0-9]{3,24}$/.test(account)) {
    throw new CairnError('CONFIG_INVALID', 'AZURE_ACCOUNT_NAME is no name of an account', {
      hint: 'It has 3 to 24 lower-case letters and digits, and no address around it.',
    });
  }
  const url = `https://${account}.blob.${valueOf(env, 'AZURE_ENDPOINT_SUFFIX') ?? 'core.windows.net'}`;
  const key = secretVariable(env, 'AZURE_ACCOUNT_KEY');
  const signature = secretVariable(env, 'AZURE_ACCOUNT_SAS');
  if (key !== undefined) {
    const credential = new azure.StorageSharedKeyCredential(account, key);
    return new azure.BlobServiceClient(url, credential, PIPELINE).getContainerClient(container);
  }
  if (signature === undefined) throw noAccount('AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS');
  const signed = `${url}?${signature.replace(/^\?/, '')}`;
  return new azure.BlobServiceClient(signed, new azure.AnonymousCredential(), PIPELINE).getContainerClient(container);
}

/** A signature of an account (SAS) stands in the address and is good for many requests; one made by a key for one only. */
function checked(container: ContainerClient, env: Environment): ContainerClient {
  const url = new URL(container.url);
  if (url.searchParams.has('sig')) refuseInClear(url, env);
  return container;
}

function byConnectionString(azure: AzurePackage, connection: string): Package.BlobServiceClient {
  try {
    return azure.BlobServiceClient.fromConnectionString(connection, PIPELINE);
  } catch {
    // Not kept as a cause: its text may repeat the key.
    throw new CairnError('CONFIG_INVALID', 'AZURE_STORAGE_CONNECTION_STRING is no connection string', {
      hint: 'Copy it again from the access keys of the storage account.',
    });
  }
}

function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

function noAccount(what: string): CairnError {
  return new CairnError('CREDENTIALS_MISSING', `Azure needs ${what} in the environment`, {
    hint: 'Set AZURE_STORAGE_CONNECTION_STRING, or AZURE_ACCOUNT_NAME with AZURE_ACCOUNT_KEY or AZURE_ACCOUNT_SAS.',
  });
}
