import { join } from 'node:path';
import { freePort } from '#testing';
import { services } from '../../infra/system/services.js';
import { type Child, startChild } from '../../infra/local/processes.js';
import { untilReady } from '../../infra/local/readiness.js';
import { planAddresses, planProgram } from '../../infra/local/system-plan.js';
import { projectRoot } from '../../infra/project.js';
import type { ScenarioSystem } from './scenario-system.js';

/** One more process of a service, with the same secrets and database, on a port of its own. */
export interface ExtraInstance {
  readonly url: string;
  readonly child: Child;
}

/** Starts one and waits until it is ready; it ends with the scenario, if not before. */
export async function startExtraInstance(system: ScenarioSystem, service: string): Promise<ExtraInstance> {
  const row = services.find(({ name }) => name === service)!;
  const addresses = planAddresses(system.stateDir, system.parts.running.portBase, services, 'development');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const program = planProgram(row, 'main', join(projectRoot, 'dist/apps'), addresses, { PORT: `${port}` });
  const child = startChild({ ...program, logFile: `${program.logFile}.extra` });
  system.atEnd(() => child.kill());
  await untilReady({
    child,
    url,
    logFile: program.logFile,
    timeoutMs: 30_000,
    log: () => undefined,
    signal: new AbortController().signal,
  });
  return { url, child };
}
