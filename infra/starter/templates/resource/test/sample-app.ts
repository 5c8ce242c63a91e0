/** A service that has only the template of a resource, as its spec runs it. */
import { ResourceServiceModule, type ResourceServiceSettings } from '#service-kit';
import { startTestService } from '#testing';
import { SERVICE } from '../src/config.js';
import * as schema from '../src/database/index.js';
import { sampleProblems } from '../src/errors.js';
import { FieldNotesController } from '../src/field-notes/field-notes.controller.js';
import { FieldNotesService } from '../src/field-notes/field-notes.service.js';

export type SampleApp = Awaited<ReturnType<typeof startSample>>;

class SampleModule {
  static readonly forRoot = (settings: ResourceServiceSettings) => ({
    module: SampleModule,
    imports: [ResourceServiceModule.forRoot({ service: SERVICE, settings, entities: schema.entities })],
    controllers: [FieldNotesController],
    providers: [FieldNotesService],
  });
}

/** Starts it with empty tables. */
export function startSample() {
  return startTestService<ResourceServiceSettings>({
    service: SERVICE,
    schema,
    problems: sampleProblems,
    moduleOf: SampleModule.forRoot,
    settings: {},
    statements: true,
  });
}
