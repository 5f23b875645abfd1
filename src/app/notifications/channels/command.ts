import { isCairnError } from '../../../base/errors.ts';
import { withoutSecretVariables } from '../../../base/secret-variables.ts';
import { runCommand } from '../../../sources/command/run-command.ts';
import { deliveryFailed } from '../delivery-failed.ts';
import { messageDocument } from '../message-document.ts';
import { messageView } from '../message-view.ts';
import type { ChannelTools } from './channel-tools.ts';
import type { NotificationMessage, Notifier } from '../notifier.ts';
import type { CommandNotifierSettings } from '../notifier-settings.ts';

/** Runs a program, without a shell, with the message as JSON on its standard input. What it prints is not looked at. */
export function openCommandNotifier(settings: CommandNotifierSettings, tools: Pick<ChannelTools, 'env'>): Notifier {
  const { command, args, cwd, env } = settings;
  return {
    name: settings.name,
    deliver: async (message, { signal }) => {
      const input = `${JSON.stringify(messageDocument(message))}\n`;
      const options = {
        command,
        args,
        cwd,
        input,
        env: { ...withoutSecretVariables(tools.env), ...variables(message), ...env },
        killDelayMs: 1000,
      };
      try {
        for await (const _ of runCommand(options, signal));
      } catch (error) {
        if (!isCairnError(error) || error.code !== 'COMMAND_FAILED') throw error;
        throw deliveryFailed(error.message, { cause: error, facts: error.facts });
      }
    },
  };
}

/** For scripts that do not want to read JSON. */
function variables(message: NotificationMessage): NodeJS.ProcessEnv {
  const { type } = messageDocument(message);
  const view = messageView(message);
  return {
    CAIRN_EVENT: type,
    // No variable can hold a NUL.
    CAIRN_TITLE: view.title.replaceAll('\0', ''),
    CAIRN_SEVERITY: view.severity,
    ...(message.kind === 'ended' ? { CAIRN_STATUS: message.outcome.status } : {}),
  };
}
