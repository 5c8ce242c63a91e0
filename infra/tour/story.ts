/**
 * The tour: it explains the system and shows each claim on the running services, over HTTP, as any client could. If an
 * answer is not the expected one, the tour stops. The steps are in `story-of-a-token.ts`, `story-of-a-key.ts` and
 * `story-of-a-session.ts`.
 */
import { SetupError } from '../system/setup-error.js';
import { Guide, type GuideOptions } from './guide.js';
import { customerService, type Login } from './people.js';
import { revoke, rotateBack, rotateUnderLoad, sumUp } from './story-of-a-key.js';
import * as session from './story-of-a-session.js';
import * as token from './story-of-a-token.js';
// #region demo
import { tellOrder } from './story-of-an-order.js';
// #endregion demo

/** Where the system is, and the login of its administrator. */
export interface TourOptions extends GuideOptions {
  readonly admin: Login;
  /** The file with the private key by which a service authenticates at auth. */
  readonly clientKeyFile: (service: string) => string;
}

/**
 * Runs all steps. It can run any number of times: at the end the first algorithm is active again, and there is a standby.
 *
 * @throws SetupError `bad_service_table` if no service is for customers · TourDeviation with the name of the step, at the first unexpected answer
 */
export async function runTour({ admin, ...options }: TourOptions): Promise<void> {
  requireCustomerService();
  const guide = new Guide(options);
  await token.showKeys(guide);
  const customer = await token.register(guide);
  const accessToken = await token.logIn(guide, customer);
  await token.readToken(guide, accessToken);
  await token.useToken(guide, accessToken);
  await token.forge(guide, accessToken);
  await token.useElsewhere(guide, accessToken);
  await token.enterAdmin(guide, accessToken, customer);
  const cast = { customer, admin };
  const adminToken = await rotateUnderLoad(guide, accessToken, cast);
  await rotateBack(guide, accessToken, adminToken);
  await revoke(guide, adminToken, cast);
  const refreshed = await session.stayLoggedIn(guide, customer);
  await session.stealRefreshToken(guide, refreshed);
  await session.logOutEverywhere(guide, customer);
  // #region demo
  await tellOrder(guide, { customer, clientKeyFile: options.clientKeyFile('orders') });
  // #endregion demo
  await sumUp(guide, adminToken);
}

function requireCustomerService(): void {
  if (customerService?.guardedRoute.role === 'customer') return;
  const advice = 'Set guardedRoute in a row of infra/system/services.ts';
  throw new SetupError('bad_service_table', `The tour needs a service that customers use. ${advice}.`);
}
