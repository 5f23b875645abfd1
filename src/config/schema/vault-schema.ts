import * as z from 'zod';
import type { ArchiveConfig, VaultConfig } from '../vault-config.ts';
import { rotationSchema } from './rotation-schema.ts';
import { duration, given, positiveNumber, type SchemaParts, size, strict } from './schema-parts.ts';

export function vaultSchema(parts: SchemaParts): z.ZodType<VaultConfig> {
  const variable = z.string().regex(/^[A-Za-z_]\w*$/, { error: 'is no name of an environment variable' });
  return strict({
    url: parts
      .oneOrMore(parts.storageUrl)
      .meta({ description: 'a folder or a URL; of several, the others mirror the first' }),
    password: parts.secret.exactOptional(),
    env: z.record(variable, parts.secret).exactOptional(),
    readOnly: z.boolean().exactOptional(),
    appendOnly: z.boolean().exactOptional(),
    connections: positiveNumber.exactOptional(),
    mirrorCopies: positiveNumber.exactOptional(),
    limitUpload: size.exactOptional(),
    limitDownload: size.exactOptional(),
    retryLock: duration.exactOptional(),
    coldClass: parts.text.exactOptional(),
    archives: archiveSchema(parts).exactOptional(),
    keep: rotationSchema.exactOptional(),
  })
    .refine(({ readOnly, appendOnly }) => readOnly !== true || appendOnly !== true, {
      path: ['appendOnly'],
      error: 'readOnly and appendOnly exclude each other',
    })
    .transform(({ url, env = {}, limitUpload, limitDownload, retryLock, ...rest }): VaultConfig => ({
      ...rest,
      urls: url,
      env,
      ...given('uploadBytesPerSecond', limitUpload),
      ...given('downloadBytesPerSecond', limitDownload),
      ...given('retryLockMs', retryLock),
    }));
}

function archiveSchema(parts: SchemaParts): z.ZodType<ArchiveConfig> {
  return strict({
    compression: z.enum(['zstd', 'gzip', 'none']).exactOptional(),
    recipients: parts.listOf(parts.text).exactOptional(),
    password: parts.secret.exactOptional(),
  }).refine(({ recipients, password }) => recipients === undefined || password === undefined, {
    path: ['password'],
    error: 'recipients and password exclude each other',
  });
}
