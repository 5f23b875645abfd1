import { cutText } from '../cut-text.ts';
import { escapeHtml } from '../message-html.ts';
import { messageView, viewText } from '../message-view.ts';
import type { Notifier } from '../notifier.ts';
import type { TelegramSettings } from '../notifier-settings.ts';
import { postMessage } from '../post-message.ts';
import { type ChannelTools, postTools } from './channel-tools.ts';

const SERVER = 'https://api.telegram.org';
/** UTF-16 units after the entities are parsed, so tags and escapes do not count. */
const LONGEST_TEXT = 4096;
const LONGEST_TITLE = 256;

export function openTelegram(settings: TelegramSettings, tools: ChannelTools): Notifier {
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const token = await tools.readSecret(settings.token);
      const view = messageView(message);
      const title = cutText(view.title, LONGEST_TITLE);
      const text = cutText(viewText(view), LONGEST_TEXT - title.length - 2);
      const body = JSON.stringify({
        chat_id: settings.chat,
        ...(settings.thread === undefined ? {} : { message_thread_id: settings.thread }),
        parse_mode: 'HTML',
        text: `<b>${escapeHtml(title)}</b>\n\n${escapeHtml(text)}`,
        link_preview_options: { is_disabled: true },
        disable_notification: view.severity === 'info',
      });
      const url = `${(settings.server ?? SERVER).replace(/\/+$/u, '')}/bot${token}/sendMessage`;
      const request = { service: 'Telegram', url, body, contentType: 'application/json' };
      await postMessage(await postTools(tools), request, context);
    },
  };
}
