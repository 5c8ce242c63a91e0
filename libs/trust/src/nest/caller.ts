import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { AccessTokenClaims } from '../access-token-claims.js';

/** Who calls: the verified claims of the access token, frozen. */
export type Caller = AccessTokenClaims;

/** Injects the {@link Caller} into a handler's parameter. On a public route there is none, and it throws. */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { user } = context.switchToHttp().getRequest<{ user?: Caller }>();
  if (!user) throw new Error('CurrentCaller was used on a public route');
  return user;
});
