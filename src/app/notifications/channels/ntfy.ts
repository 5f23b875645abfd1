import { cutText, utf8Cost } from '../cut-text.ts';
import { messageView, viewText } from '../message-view.ts';
import type { Notifier } from '../notifier.ts';
import type { NtfySettings } from '../notifier-settings.ts';
import { postMessage } from '../post-message.ts';
import { type ChannelTools, postTools } from './channel-tools.ts';

const SERVER = 'https://ntfy.sh';
/** Bytes; a longer message is turned into an attachment. */
const LARGEST_MESSAGE = 4096;
const LARGEST_TITLE = 250;

const priorities = { info: 3, warning: 4, error: 5 } as const;
const tags = { info: 'white_check_mark', warning: 'warning', error: 'rotating_light' } as const;

/** Publishes as JSON: in headers a title could hold nothing but ASCII. */
export function openNtfy(settings: NtfySettings, tools: ChannelTools): Notifier {
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const token = settings.token === undefined ? undefined : await tools.readSecret(settings.token);
      const view = messageView(message);
      const body = JSON.stringify({
        topic: settings.topic,
        title: cutText(view.title, LARGEST_TITLE, utf8Cost),
        message: cutText(viewText(view), LARGEST_MESSAGE, utf8Cost),
        priority: priorities[view.severity],
        tags: [tags[view.severity]],
      });
      const request = {
        service: 'ntfy',
        url: settings.server ?? SERVER,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        body,
        contentType: 'application/json',
      };
      await postMessage(await postTools(tools), request, context);
    },
  };
}
