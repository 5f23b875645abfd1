import { cutText } from '../cut-text.ts';
import { messageView, viewText } from '../message-view.ts';
import type { Notifier } from '../notifier.ts';
import type { DiscordSettings } from '../notifier-settings.ts';
import { postMessage } from '../post-message.ts';
import { type ChannelTools, postTools } from './channel-tools.ts';
import { readAddress } from './read-address.ts';

/** Limits of an embed; all of one message may have 6000. */
const LONGEST_TITLE = 256;
const LONGEST_DESCRIPTION = 4096;

const colors = { info: 0x2e7d32, warning: 0xb26a00, error: 0xc62828 } as const;

export function openDiscord(settings: DiscordSettings, tools: ChannelTools): Notifier {
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const url = await readAddress(tools, settings.name, settings.webhook);
      const view = messageView(message);
      const body = JSON.stringify({
        embeds: [
          {
            title: escaped(view.title, LONGEST_TITLE),
            description: escaped(viewText(view), LONGEST_DESCRIPTION),
            color: colors[view.severity],
          },
        ],
        // Nobody is called by what a file is named.
        allowed_mentions: { parse: [] },
      });
      const request = { service: 'Discord', url, body, contentType: 'application/json' };
      await postMessage(await postTools(tools), request, context);
    },
  };
}

function escaped(text: string, limit: number): string {
  return escapeMarkdown(cutText(text, limit, (character) => escapeMarkdown(character).length));
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\*_~`|>#[\]()-]/gu, String.raw`\$&`);
}
