/** Calls partner in the name of an account. An example: replace the call by what sample needs of partner. */
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { ServiceClients } from '#service-kit';
import type { Bearer } from '#trust/nest';

/** For which account partner was called, and with which scopes. */
export const delegation = z.object({ accountId: z.string(), scope: z.string() });
export type Delegation = z.output<typeof delegation>;

@Injectable()
export class PartnerCallee {
  constructor(private readonly clients: ServiceClients) {}

  /**
   * Asks partner what the call looks like at the other end.
   *
   * @throws UpstreamError
   * @throws ServiceError `invalid_token` if the token of the account is no longer good
   */
  async delegation(bearer: Bearer): Promise<Delegation> {
    const answer = await this.clients.to('partner').call({
      path: '/callers/sample',
      authority: { onBehalfOf: bearer, scope: 'partner:call' },
      expect: { 200: delegation.extend({ accountId: z.literal(bearer.claims.sub) }) },
    });
    return answer.body;
  }
}
