/** Reserves the goods of an order at inventory, in the name of the customer. */
import { z } from 'zod';
import { ServiceError, UpstreamError, type ServiceClient } from '#service-kit';
import type { Bearer } from '#trust/nest';
import { inventoryFault, OrdersError } from '../errors.js';

/** The order that needs the goods, and the token of its customer. */
interface Holder {
  readonly bearer: Bearer;
  readonly orderId: string;
}

const scope = 'inventory:reserve';

/** The fields of its errors are those of our own request, because the lines are the same. */
const outOfStock = z.object({
  code: z.literal('out_of_stock'),
  errors: z.array(z.object({ field: z.string(), message: z.string() })),
});

export class Stock {
  constructor(private readonly inventory: ServiceClient) {}

  /**
   * Takes the goods out of stock. It ignores the
   * deadline of the request: a customer who allowed little time, and then logged out, would also prevent the release.
   *
   * @throws OrdersError `out_of_stock`, with an error for each line · `inventory_unavailable`
   * @throws ServiceError `invalid_token` if the token of the customer is no longer good
   */
  async reserve(
    { bearer, orderId }: Holder,
    lines: readonly { sku: string; quantity: number }[],
  ): Promise<void> {
    const reserved = z.object({ orderId: z.literal(orderId), status: z.literal('held') });
    const answer = await this.inventory
      .call({
        method: 'POST',
        path: '/reservations',
        authority: { onBehalfOf: bearer, scope },
        idempotent: true,
        ignoresDeadline: true,
        body: { orderId, lines },
        expect: { 201: reserved, 409: outOfStock },
      })
      .catch((error: unknown) => {
        throw inventoryFault(error);
      });
    if (answer.status === 409) throw new OrdersError('out_of_stock', { errors: answer.body.errors });
  }

  /**
   * Whether the goods may be reserved after `reserve` or later work has failed. With a token that is no longer good they may
   * be, too, but inventory would also refuse their release.
   */
  static mayBeReserved(error: unknown): boolean {
    if (!(error instanceof ServiceError)) return true;
    if (['out_of_stock', 'invalid_token'].includes((error as ServiceError).code)) return false;
    return !(error.cause instanceof UpstreamError) || error.cause.wasSent;
  }

  /**
   * Puts the goods back into stock. A second call changes nothing, and a request to reserve that comes later is refused. It
   * ignores the deadline of the request, too.
   *
   * @throws OrdersError `inventory_unavailable`
   * @throws ServiceError `invalid_token` if the token of the customer is no longer good
   */
  async release({ bearer, orderId }: Holder): Promise<void> {
    await this.inventory
      .call({
        method: 'DELETE',
        path: `/reservations/${orderId}`,
        authority: { onBehalfOf: bearer, scope },
        ignoresDeadline: true,
        expect: { 204: z.undefined() },
      })
      .catch((error: unknown) => {
        throw inventoryFault(error);
      });
  }
}
