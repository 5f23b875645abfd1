import { getCACertificates } from 'node:tls';
import type { SendMailOptions, SMTPTransportOptions } from 'nodemailer';
import { CairnError, isCairnError, messageOf } from '../../../base/errors.ts';
import { isLoopbackHost } from '../../../base/loopback-host.ts';
import { cutText } from '../cut-text.ts';
import { deliveryFailed } from '../delivery-failed.ts';
import { viewHtml } from '../message-html.ts';
import { messageView, viewText } from '../message-view.ts';
import type { DeliveryContext, NotificationMessage, Notifier } from '../notifier.ts';
import type { EmailSettings } from '../notifier-settings.ts';
import type { ChannelTools } from './channel-tools.ts';

/** A subject is one line of a list. */
const LONGEST_SUBJECT = 200;
const LONGEST_LINE = 2000;
const LONGEST_TEXT = 100_000;
/** One more try, for a server that was busy or restarted. */
const RETRY_DELAY_MS = 1500;

const ports = { tls: 465, starttls: 587, none: 25 } as const;

export function openEmail(settings: EmailSettings, tools: ChannelTools): Notifier {
  refuseOpenPassword(settings);
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const password = settings.password === undefined ? undefined : await tools.readSecret(settings.password);
      for (let attempt = 0; ; attempt++) {
        try {
          await sendMail(settings, password, message, context);
          return;
        } catch (error) {
          if (context.signal.aborted) throw context.signal.reason;
          const mayPass = isCairnError(error) && error.retry === 'later';
          if (!mayPass || attempt > 0 || context.remainingMs() <= RETRY_DELAY_MS) throw error;
          await tools.clock.sleep(RETRY_DELAY_MS, context.signal);
        }
      }
    },
  };
}

/** A password over a connection that anybody can read is no secret any more. */
function refuseOpenPassword({ security, password, host, name }: EmailSettings): void {
  if (security !== 'none' || password === undefined || isLoopbackHost(host)) return;
  throw new CairnError('CONFIG_INVALID', `the notifier ${name} would send its password to ${host} unencrypted`, {
    hint: 'Use `security: starttls` or `tls`.',
  });
}

async function sendMail(
  settings: EmailSettings,
  password: string | undefined,
  message: NotificationMessage,
  { signal, remainingMs }: DeliveryContext,
): Promise<void> {
  signal.throwIfAborted();
  // Loaded with the first mail: most commands send none.
  const { createTransport } = await import('nodemailer');
  const transport = createTransport(transportOptions(settings, password, remainingMs()));
  try {
    const { rejected } = await transport.sendMail({ ...mailOf(settings, message), signal });
    if (rejected.length > 0) throw someRefused(settings, rejected.length);
  } catch (error) {
    throw signal.aborted ? signal.reason : meaningOf(settings, error);
  } finally {
    transport.close();
  }
}

function transportOptions(
  { host, port, security = 'starttls', user, ca }: EmailSettings,
  password: string | undefined,
  timeoutMs: number,
): SMTPTransportOptions {
  const limit = Math.max(1, Math.round(timeoutMs));
  return {
    host,
    port: port ?? ports[security],
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    ...(ca === undefined ? {} : { tls: { ca: [...getCACertificates('default'), ca] } }),
    dnsTimeout: limit,
    connectionTimeout: limit,
    greetingTimeout: limit,
    socketTimeout: limit,
    socketCloseTimeout: 100,
  };
}

function mailOf({ from, to }: EmailSettings, message: NotificationMessage): SendMailOptions {
  const view = messageView(message);
  // Cut by line, so that the text and its HTML stay alike and whole.
  let room = LONGEST_TEXT;
  const sections = view.sections.map(({ heading, facts, lines }) => ({
    heading,
    facts,
    lines: lines
      .map((line) => cutText(line, LONGEST_LINE))
      .filter((line) => {
        room -= line.length;
        return room > 0;
      }),
  }));
  const short = { ...view, sections };
  return {
    from,
    to: [...to],
    subject: cutText(view.title, LONGEST_SUBJECT),
    text: `${view.title}\n\n${viewText(short)}\n`,
    html: viewHtml(short),
    // Programs that answer mail, such as holiday notices, leave this one alone (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
    priority: view.severity === 'error' ? 'high' : 'normal',
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function someRefused({ host, to }: EmailSettings, refused: number): CairnError {
  return deliveryFailed(`${host} took the mail for ${to.length - refused} of ${to.length} recipients only`, {
    hint: 'Check the addresses in `to`.',
    facts: { host, refused },
  });
}

function meaningOf({ host, name }: EmailSettings, error: unknown): CairnError {
  if (error instanceof CairnError) return error;
  // nodemailer puts both on its errors.
  const { code = '', responseCode = 0 }: { readonly code?: string; readonly responseCode?: number } = Object(error);
  const passes =
    responseCode === 0 ? ['ECONNECTION', 'ETIMEDOUT', 'ESOCKET', 'EDNS'].includes(code) : responseCode < 500;
  const hint = hints[code];
  return deliveryFailed(`${host} did not take the mail of ${name}: ${messageOf(error)}`, {
    retry: passes ? 'later' : 'never',
    cause: error,
    facts: { host, ...(responseCode === 0 ? {} : { status: responseCode }) },
    ...(hint === undefined ? {} : { hint }),
  });
}

const hints: Readonly<Record<string, string>> = {
  EAUTH: 'Check the user and password; many providers want a password made for programs.',
  ENOAUTH: 'This server wants a user and a password.',
  ETLS: 'Check `security` (tls for port 465, starttls for 587) and the certificate; `ca` names an authority of your own.',
  EENVELOPE: 'Check the addresses in `from` and `to`.',
  EDNS: 'Check the name in `host`.',
};
