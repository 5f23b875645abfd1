// Backups of an application, as a NestJS module on Express. In your own program the imports are 'cairn-backup'.
//
// Decorators are applied as the functions that they are. TypeScript's syntax for them cannot be erased: Node runs these
// files by leaving the types out, and the types of constructor parameters, which Nest reads, come of a compiler only. So
// what is injected is named by a token. In a program that Nest builds, write `@Module({})` above the class as ever.
import type { ServerResponse } from 'node:http';
import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { nodeListener } from '../../src/index.ts';
import { type BackupsOptions, BackupsService } from './backups-service.ts';

const BACKUPS_OPTIONS = Symbol('options of the backups module');

/** How the options come to be: by a function, from what it wants injected. */
export interface BackupsModuleOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: FactoryProvider['inject'];
  readonly useFactory: FactoryProvider<BackupsOptions>['useFactory'];
}

/**
 * Opens the vault when the application starts, which fails where it cannot be opened; gives `BackupsService` to every
 * module; mounts the routes; and closes it all with the application, on a signal after `app.enableShutdownHooks()`.
 *
 * ```ts
 * imports: [BackupsModule.register({ inject: [ConfigService], useFactory: (config) => ({ path: '/admin', … }) })]
 * ```
 */
// oxlint-disable-next-line typescript/no-extraneous-class -- a module of Nest is a class
export class BackupsModule {
  static register({ imports = [], inject = [], useFactory }: BackupsModuleOptions): DynamicModule {
    return {
      module: BackupsModule,
      global: true,
      imports,
      providers: [
        { provide: BACKUPS_OPTIONS, inject, useFactory },
        { provide: BackupsService, inject: [BACKUPS_OPTIONS, HttpAdapterHost], useFactory: openMounted },
      ],
      exports: [BackupsService],
    };
  }
}
Module({})(BackupsModule);

/** Providers are made before Nest adds its body parsers, so this comes first: the handler reads bodies itself, after it has asked who sends them. */
async function openMounted(options: BackupsOptions, { httpAdapter }: HttpAdapterHost): Promise<BackupsService> {
  const service = await BackupsService.open(options);
  const listener = nodeListener((request) => service.handler.fetch(request));
  httpAdapter.use(options.path, listener satisfies (request: never, response: ServerResponse) => unknown);
  return service;
}
