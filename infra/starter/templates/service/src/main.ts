import { runService } from '#service-kit';
import { sampleSettings, SERVICE } from './config.js';
import { sampleProblems } from './errors.js';
import { SampleModule } from './sample.module.js';

await runService(SampleModule.forRoot, {
  service: SERVICE,
  version: '0.1.0',
  settings: sampleSettings,
  problems: sampleProblems,
});
