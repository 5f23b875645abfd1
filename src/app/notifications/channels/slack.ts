import { cutText } from '../cut-text.ts';
import { messageView, viewText } from '../message-view.ts';
import type { Notifier } from '../notifier.ts';
import type { SlackSettings } from '../notifier-settings.ts';
import { postMessage } from '../post-message.ts';
import { type ChannelTools, postTools } from './channel-tools.ts';
import { readAddress } from './read-address.ts';

/** What Slack advises for `text`; from 40,000 characters on it cuts. */
const LONGEST_TEXT = 4000;
const LONGEST_TITLE = 150;

const marks = { info: ':large_green_circle:', warning: ':large_yellow_circle:', error: ':red_circle:' } as const;

export function openSlack(settings: SlackSettings, tools: ChannelTools): Notifier {
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const url = await readAddress(tools, settings.name, settings.webhook);
      const view = messageView(message);
      const cost = (character: string): number => escapeSlack(character).length;
      const title = escapeSlack(cutText(view.title, LONGEST_TITLE, cost));
      const head = `${marks[view.severity]} *${title}*\n`;
      const text = head + escapeSlack(cutText(viewText(view), LONGEST_TEXT - head.length, cost));
      // Links in the text come from names and errors: they are not fetched and shown.
      const body = JSON.stringify({ text, unfurl_links: false, unfurl_media: false });
      await postMessage(
        await postTools(tools),
        { service: 'Slack', url, body, contentType: 'application/json' },
        context,
      );
    },
  };
}

/** The three characters that Slack wants escaped; with them no mention such as `<!channel>` and no link can be made. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
