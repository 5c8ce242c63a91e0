/** A sample that calls partner, as specs run it. It stands for the app of the service that calls, and is not copied. */
import { Module } from '@nestjs/common';
import { ServiceClientsModule, type CallerSettings } from '#service-kit';
import { startTestService } from '#testing';
import { SERVICE, type SampleSettings } from '../../service/src/config.js';
import * as schema from '../../service/src/database/index.js';
import { sampleProblems } from '../../service/src/errors.js';
import { SampleModule } from '../../service/src/sample.module.js';
import { PartnerCallee } from '../src/callees/partner-callee.js';
import { PartnerCalleeController } from '../src/callees/partner-callee.controller.js';

interface CallingSettings extends SampleSettings, CallerSettings {
  readonly partnerUrl: string;
}

@Module({})
class CallingSampleModule {
  static forRoot(settings: CallingSettings) {
    return {
      module: CallingSampleModule,
      imports: [
        SampleModule.forRoot(settings),
        ServiceClientsModule.forRoot({
          service: SERVICE,
          settings,
          callees: { partner: { baseUrl: settings.partnerUrl } },
        }),
      ],
      controllers: [PartnerCalleeController],
      providers: [PartnerCallee],
    };
  }
}

export type SampleApp = Awaited<ReturnType<typeof startSample>>;

/** Starts it with empty tables. The settings replace the usual ones. */
export function startSample(settings: Partial<CallingSettings> = {}) {
  return startTestService<CallingSettings>({
    service: SERVICE,
    schema,
    problems: sampleProblems,
    moduleOf: CallingSampleModule.forRoot,
    settings: { partnerUrl: 'http://127.0.0.1:1', ...settings },
    statements: true,
  });
}
