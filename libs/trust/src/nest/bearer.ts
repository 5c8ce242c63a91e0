import { inspect } from 'node:util';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { bearerToken } from '../bearer.js';
import { decryptedForm } from '../verify-access-token.js';
import type { Caller } from './caller.js';
import { receivedRequest, type NestRequest } from './nest-request.js';

const REDACTED = '[access token]';

/**
 * A verified access token, to be exchanged for a call in the name of its account (RFC 8693). It is a secret: as text, as
 * JSON and in a log it is only `[access token]`.
 */
export class Bearer {
  readonly #token: string;

  /** @param claims those of this token, verified */
  constructor(
    token: string,
    readonly claims: Caller,
  ) {
    this.#token = token;
  }

  /** Returns the signed token itself. Send it to the issuer, and to nobody else. */
  reveal(): string {
    return this.#token;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/**
 * Injects the {@link Bearer} of the request into a parameter of a handler. It is a parameter and no hidden context, so
 * that the code shows where the power of the caller goes. Of an encrypted token it is the signed token inside, because
 * only this service can decrypt the outer one.
 *
 * @throws Error on a public route, which has no caller
 */
export const CurrentBearer = createParamDecorator((_data: unknown, context: ExecutionContext): Bearer => {
  const request = context.switchToHttp().getRequest<NestRequest & { user?: Caller }>();
  const { user } = request;
  if (!user) throw new Error('CurrentBearer was used on a public route');
  return new Bearer(decryptedForm(user) ?? bearerToken(receivedRequest(request)), user);
});
