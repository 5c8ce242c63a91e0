/**
 * The story of this system, told while it happens. Each step asks the running services over HTTP, as any client would,
 * and stops the tour if an answer is not as told. The steps are in `story-of-a-token.ts` and `story-of-a-key.ts`.
 */
import { Guide, type GuideOptions } from './guide.js';
import type { Login } from './people.js';
import { revoke, rotateBack, rotateUnderLoad, sumUp } from './story-of-a-key.js';
import * as token from './story-of-a-token.js';

/** Where the system is, and who administers it. */
export interface TourOptions extends GuideOptions {
  readonly admin: Login;
}

/**
 * Tells the whole story, as often as you like; it leaves the system with an active ES256 key and a standby.
 *
 * @throws TourDeviation naming the step, at the first thing that is not as told
 */
export async function runTour({ admin, ...options }: TourOptions): Promise<void> {
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
  await sumUp(guide, adminToken);
}
