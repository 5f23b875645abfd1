import type { Notifier } from './notifier.ts';
import type { NotifierSettings } from './notifier-settings.ts';
import type { ChannelTools } from './channels/channel-tools.ts';

/** Opens the channel of a notifier; its code is loaded with the first message. Throws `CONFIG_INVALID`. */
export async function openNotifier(settings: NotifierSettings, tools: ChannelTools): Promise<Notifier> {
  switch (settings.type) {
    case 'email':
      return (await import('./channels/email.ts')).openEmail(settings, tools);
    case 'slack':
      return (await import('./channels/slack.ts')).openSlack(settings, tools);
    case 'discord':
      return (await import('./channels/discord.ts')).openDiscord(settings, tools);
    case 'telegram':
      return (await import('./channels/telegram.ts')).openTelegram(settings, tools);
    case 'ntfy':
      return (await import('./channels/ntfy.ts')).openNtfy(settings, tools);
    case 'webhook':
      return (await import('./channels/webhook.ts')).openWebhook(settings, tools);
    case 'ping':
      return (await import('./channels/ping.ts')).openPing(settings, tools);
    case 'command':
      return (await import('./channels/command.ts')).openCommandNotifier(settings, tools);
    case 'custom':
      return settings;
    default:
      return settings satisfies never;
  }
}
