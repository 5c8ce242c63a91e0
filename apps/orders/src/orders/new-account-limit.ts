import { numericDate } from '#trust';
import type { OrdersSettings } from '../config.js';
import { OrdersError } from '../errors.js';
import type { PricedOrder } from './pricing.js';

/**
 * Limits the total of one order of a new account, because a fraud often begins with a new account. The token says how
 * old the account is. So orders does not ask auth.
 */
export class NewAccountLimit {
  constructor(
    private readonly settings: Pick<OrdersSettings, 'newAccountSeconds' | 'newAccountMaxCents'>,
    private readonly clock: () => number = Date.now,
  ) {}

  /**
   * @param accountSince NumericDate. An account of unknown age counts as new.
   * @throws OrdersError `new_account_limit`
   */
  check({ totalCents }: Pick<PricedOrder, 'totalCents'>, accountSince = Infinity): void {
    const { newAccountSeconds, newAccountMaxCents } = this.settings;
    const isNew = newAccountSeconds > 0 && numericDate(this.clock) - accountSince < newAccountSeconds;
    if (isNew && totalCents > newAccountMaxCents) throw new OrdersError('new_account_limit');
  }
}
