import { cutText, utf8Cost } from '../cut-text.ts';
import { messageView, viewText } from '../message-view.ts';
import type { NotificationMessage, Notifier } from '../notifier.ts';
import type { PingSettings } from '../notifier-settings.ts';
import type { Outcome } from '../outcome.ts';
import { parseAddress, postMessage } from '../post-message.ts';
import { type ChannelTools, postTools } from './channel-tools.ts';
import { readAddress } from './read-address.ts';

/** What a Healthchecks server of one's own keeps of a body by default. */
const LARGEST_BODY = 10_000;

/** Tells a monitor that work begins, went well, or failed, in the way of Healthchecks. */
export function openPing(settings: PingSettings, tools: ChannelTools): Notifier {
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const url = parseAddress('the monitor', await readAddress(tools, settings.name, settings.url));
      const { path, runId } = pingOf(message, settings.partial ?? 'fail');
      if (path !== '') url.pathname = `${url.pathname.replace(/\/+$/u, '')}/${path}`;
      // By it the monitor matches a start and its end, also of runs at the same time.
      if (runId !== undefined) url.searchParams.set('rid', runId);
      const view = messageView(message);
      const body = cutText(`${view.title}\n\n${viewText(view)}`, LARGEST_BODY, utf8Cost);
      const request = { service: 'the monitor', url: url.href, body, contentType: 'text/plain; charset=utf-8' };
      await postMessage(await postTools(tools), request, context);
    },
  };
}

interface Ping {
  readonly path: '' | 'start' | 'fail' | 'log';
  readonly runId: string | undefined;
}

function pingOf(message: NotificationMessage, partial: 'fail' | 'ok'): Ping {
  switch (message.kind) {
    case 'started':
      return { path: 'start', runId: message.subject.sessionId };
    case 'ended':
      return endOf([message.outcome], partial);
    case 'digest':
      return endOf(message.outcomes, partial);
    case 'test':
      // Kept by the monitor, and changes no state: a test must not look like a backup.
      return { path: 'log', runId: undefined };
    default:
      return message satisfies never;
  }
}

/** One that failed makes a failure of all: the monitor knows one state. The first one's id is that of the start. */
function endOf(outcomes: readonly Outcome[], partial: 'fail' | 'ok'): Ping {
  const isFine = outcomes.every(({ status }) => status === 'ok' || (status === 'partial' && partial === 'ok'));
  return { path: isFine ? '' : 'fail', runId: outcomes[0]?.sessionId };
}
