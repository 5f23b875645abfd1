import * as z from 'zod';
import { type NotifierConfig, notifierTypes, type SmtpConfig } from '../notifier-config.ts';
import { byType, duration, given, positiveNumber, saying, type SchemaParts, strict } from './schema-parts.ts';

const EVENT = /^(?:\*|[a-z][A-Za-z]*\.(?:before|done|failed|\*))$/;

export function notifierSchema(parts: SchemaParts): z.ZodType<NotifierConfig> {
  const { text, shellLine, secret, listOf } = parts;
  const event = z.string().regex(EVENT, { error: 'is no event: write such as backup.failed, backup.* or *' });
  const filter = {
    on: listOf(event).exactOptional(),
    severity: z.enum(['info', 'warning', 'error']).default('info'),
    digest: duration.exactOptional(),
  };
  const kind = <T extends string, S extends Readonly<Record<string, z.ZodType>>>(type: T, shape: S) =>
    strict({ type: z.literal(type), ...filter, ...shape });
  const chat = z.union([text, z.int().transform(String)], {
    error: saying('must be the id of a chat, or @NAME in quotes'),
  });
  const raw = byType<NotifierConfig & { readonly digest?: number }>(
    [
      kind('email', { smtp: smtpSchema(parts), from: text, to: parts.oneOrMore(text) }),
      kind('slack', { url: secret }),
      kind('discord', { url: secret }),
      kind('telegram', { token: secret, chat }),
      kind('ntfy', { url: text.default('https://ntfy.sh'), topic: text, token: secret.exactOptional() }),
      kind('webhook', {
        url: secret,
        secret: secret.exactOptional(),
        headers: z.record(z.string(), secret).default({}),
      }),
      kind('ping', { url: secret }),
      kind('command', { command: shellLine }),
      kind('plugin', { of: text, options: z.record(z.string(), z.unknown()).default({}) }),
    ],
    'notification',
    notifierTypes,
  );
  return raw.transform(({ digest, ...rest }) => ({ ...rest, ...given('digestMs', digest) }));
}

function smtpSchema({ text, secret }: SchemaParts): z.ZodType<SmtpConfig> {
  const tls = z.union(
    [z.enum(['tls', 'starttls', 'none']), z.boolean().transform((on): SmtpConfig['tls'] => (on ? 'tls' : 'none'))],
    { error: saying('must be tls, starttls or none') },
  );
  return strict({
    host: text,
    port: positiveNumber.exactOptional(),
    tls: tls.default('starttls'),
    user: text.exactOptional(),
    password: secret.exactOptional(),
  });
}
