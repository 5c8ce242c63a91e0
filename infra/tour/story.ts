/**
 * The tour: it explains the system and shows each claim on the running services, over HTTP, as any client could. If an
 * answer is not the expected one, the tour stops. The steps are in `story-of-a-token.ts`, `story-of-a-key.ts`,
 * `story-of-a-session.ts` and `story-of-a-call.ts`.
 */
import { Guide, type GuideOptions } from './guide.js';
import type { Login } from './people.js';
import { followOrder } from './story-of-a-call.js';
import { revoke, rotateBack, rotateUnderLoad, sumUp } from './story-of-a-key.js';
import * as session from './story-of-a-session.js';
import * as token from './story-of-a-token.js';

/** Where the system is, and the login of its administrator. */
export interface TourOptions extends GuideOptions {
  readonly admin: Login;
  /** A file with the private key by which orders authenticates at auth. */
  readonly clientKeyFile: string;
}

/**
 * Runs all steps. It can run any number of times: at the end the first algorithm is active again, and there is a standby.
 *
 * @throws TourDeviation with the name of the step, at the first unexpected answer
 */
export async function runTour({ admin, clientKeyFile, ...options }: TourOptions): Promise<void> {
  const guide = new Guide(options);
  await token.showKeys(guide);
  const customer = await token.register(guide);
  const accessToken = await token.logIn(guide, customer);
  await token.readToken(guide, accessToken);
  const product = await token.placeOrder(guide, accessToken);
  await token.forge(guide, accessToken);
  await token.useElsewhere(guide, accessToken, product);
  await token.enterAdmin(guide, accessToken, customer);
  const cast = { customer, admin, product };
  const adminToken = await rotateUnderLoad(guide, accessToken, cast);
  await rotateBack(guide, accessToken, adminToken);
  await revoke(guide, adminToken, cast);
  const refreshed = await session.stayLoggedIn(guide, customer);
  await session.stealRefreshToken(guide, refreshed);
  await session.logOutEverywhere(guide, customer);
  await followOrder(guide, { customer, product, clientKeyFile });
  await sumUp(guide, adminToken);
}
