import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport from 'passport';
import { Strategy } from 'passport-jwt';
import type { AccessTokenClaims } from '../access-token-claims.js';
import { Authenticator } from '../authenticate.js';
import type { ReceivedRequest } from '../bearer.js';
import type { Expectation } from '../verify-access-token.js';

/** What passport adds to a strategy: closures over one request, which use no `this`. */
interface Answers {
  readonly success: (claims: AccessTokenClaims) => void;
  readonly fail: (reason: unknown) => void;
}

/**
 * passport-jwt's strategy with our verification in place of its own: `authenticate` is overridden, so each token
 * is verified once, by the steps of {@link createVerifyAccessToken}. Were the override ever lost, the inherited
 * method would find a key provider that hands out no key.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  constructor(private readonly authenticator: Authenticator) {
    super({
      jwtFromRequest: () => null,
      secretOrKeyProvider: (_request, _token, done) =>
        done(new Error('verification happens in authenticate()')),
    });
  }

  override authenticate(request: unknown, options: { expected: Expectation }): void {
    const { raw } = request as { raw: ReceivedRequest };
    // Passport writes these two onto the one strategy object anew for each request. After an await they are another
    // request's: its caller would get these claims.
    const { success, fail } = this as unknown as Answers;
    this.authenticator.authenticate(raw, options.expected).then(
      (claims) => success(claims),
      (error: unknown) => fail(error),
    );
  }

  /** Passport's registry is one for the process; each application here has its own strategy and needs none. */
  getPassportInstance() {
    return new passport.Passport();
  }

  validate(): never {
    throw new Error('verification happens in authenticate()');
  }
}
