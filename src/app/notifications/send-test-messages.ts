import type { LoadedConfig } from '../../config/loaded-config.ts';
import { configuredNotifiers } from './configured-notifiers.ts';
import type { PluginNotifiers } from './plugin-channel.ts';
import { type DeliveryReport, openNotifications } from './notifications.ts';

/** Sends a message of no consequence with each notification of a configuration, and says which arrived. */
export async function sendTestMessages(
  loaded: LoadedConfig,
  onWarning: (message: string) => void,
  notifiers?: PluginNotifiers,
): Promise<DeliveryReport> {
  // What waits for a digest waits on: only the tests are sent.
  const settings = configuredNotifiers(loaded, undefined, notifiers).map((each) =>
    'digest' in each ? { ...each, digest: undefined } : each,
  );
  await using notifications = openNotifications(settings, { onWarning });
  notifications.tellTest();
  return await notifications.flush();
}
