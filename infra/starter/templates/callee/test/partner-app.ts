/** A partner that sample calls, as specs run it. It stands for the app of the service that is called, and is not copied. */
import { Module } from '@nestjs/common';
import { ResourceServiceModule, type ResourceServiceSettings } from '#service-kit';
import { startTestService } from '#testing';
import { SampleCallerController } from '../src/callers/sample-caller.controller.js';

declare module '#trust/nest' {
  interface ScopeRegistry {
    'partner:call': true;
  }
}

@Module({})
class PartnerModule {
  static forRoot(settings: ResourceServiceSettings) {
    return {
      module: PartnerModule,
      imports: [ResourceServiceModule.forRoot({ service: 'partner', settings, entities: [] })],
      controllers: [SampleCallerController],
    };
  }
}

export type PartnerApp = Awaited<ReturnType<typeof startPartner>>;

/** Starts it without tables. */
export function startPartner() {
  return startTestService<ResourceServiceSettings>({
    service: 'partner',
    schema: { entities: [], migrations: [] },
    problems: {},
    moduleOf: PartnerModule.forRoot,
    settings: {},
    statements: true,
  });
}
