import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { Strategy } from 'passport-jwt';
import type { AccessTokenClaims } from '../access-token-claims.js';
import { Authenticator } from '../authenticate.js';
import type { ReceivedRequest } from '../bearer.js';
import type { Expectation } from '../verify-access-token.js';

/** The name of the strategy in the guard's registry. */
export const BEARER = 'bearer';

/** What passport adds for each request to an object of its own, whose prototype is the strategy. */
interface Answers {
  readonly success: (claims: AccessTokenClaims) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * passport-jwt's strategy with our verification: `authenticate` is overridden, so each token is verified once, by the
 * steps of {@link createVerifyAccessToken}. If the override were ever lost, the inherited method would find a key
 * provider that returns no key.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, BEARER) {
  constructor(private readonly authenticator: Authenticator) {
    super({
      jwtFromRequest: () => null,
      secretOrKeyProvider: (_request, _token, done) =>
        done(new Error('verification happens in authenticate()')),
    });
  }

  override authenticate(request: unknown, options: { expected: Expectation }): void {
    const { raw } = request as { raw: ReceivedRequest };
    const { success, fail } = this as unknown as Answers;
    this.authenticator.authenticate(raw, options.expected).then(
      (claims) => success(claims),
      (error: unknown) => fail(error),
    );
  }

  /**
   * Passport's registry exists once per process. Each application here has a strategy of its own, which the guard
   * registers in a registry of its own.
   */
  getPassportInstance(): object {
    return new passport.Passport();
  }

  validate(): never {
    throw new Error('verification happens in authenticate()');
  }
}
