import { Module, type DynamicModule } from '@nestjs/common';
import { ResourceServiceModule } from '#service-kit';
import { SERVICE, type SampleSettings } from './config.js';
import { entities } from './database/index.js';
import { EntriesController } from './entries/entries.controller.js';
import { EntriesService } from './entries/entries.service.js';

/** The whole service: the parts of every resource service, and its own. */
@Module({})
export class SampleModule {
  static forRoot(settings: SampleSettings): DynamicModule {
    return {
      module: SampleModule,
      imports: [ResourceServiceModule.forRoot({ service: SERVICE, settings, entities })],
      controllers: [EntriesController],
      providers: [EntriesService],
    };
  }
}
