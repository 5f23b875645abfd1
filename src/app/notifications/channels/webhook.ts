import { randomUUID } from 'node:crypto';
import { messageDocument } from '../message-document.ts';
import type { Notifier } from '../notifier.ts';
import type { WebhookSettings } from '../notifier-settings.ts';
import { postMessage } from '../post-message.ts';
import { signWebhook } from '../webhook-signature.ts';
import { type ChannelTools, postTools } from './channel-tools.ts';
import { readAddress } from './read-address.ts';

/** Posts the message as JSON, signed where there is a secret. */
export function openWebhook(settings: WebhookSettings, tools: ChannelTools): Notifier {
  return {
    name: settings.name,
    deliver: async (message, context) => {
      const url = await readAddress(tools, settings.name, settings.url);
      const headers: Record<string, string> = {};
      for (const [name, source] of Object.entries(settings.headers ?? {})) {
        headers[name.toLowerCase()] = await tools.readSecret(source);
      }
      const body = JSON.stringify(messageDocument(message));
      // One id for all tries of a delivery: by it a receiver knows a repetition.
      const id = `msg_${randomUUID()}`;
      const time = new Date(Number(tools.clock.nowNs() / 1_000_000n));
      const secret = settings.secret === undefined ? undefined : await tools.readSecret(settings.secret);
      const signed = secret === undefined ? { 'webhook-id': id } : signWebhook(secret, { id, time, body });
      const request = {
        service: 'the webhook',
        url,
        headers: { ...headers, ...signed },
        body,
        contentType: 'application/json',
        // Any header of one's own may be a key of the receiver, as in the configuration, where each is a secret.
        holdsSecret: Object.keys(headers).length > 0,
      };
      await postMessage(await postTools(tools), request, context);
    },
  };
}
