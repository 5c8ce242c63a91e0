/** sample as specs run it. */
import { startTestService } from '#testing';
import { SERVICE, type SampleSettings } from '../src/config.js';
import * as schema from '../src/database/index.js';
import { sampleProblems } from '../src/errors.js';
import { SampleModule } from '../src/sample.module.js';

export type SampleApp = Awaited<ReturnType<typeof startSample>>;

/** Starts it with empty tables. The settings replace the usual ones. */
export async function startSample(settings: Partial<SampleSettings> = {}) {
  const app = await startTestService<SampleSettings>({
    service: SERVICE,
    schema,
    problems: sampleProblems,
    moduleOf: SampleModule.forRoot,
    settings: { ...settings },
    statements: true,
  });
  /** A token for sample that may write, unless the claims say otherwise. */
  const token = (claims = {}) => app.token({ scope: 'sample:write', ...claims });
  return { ...app, token };
}
