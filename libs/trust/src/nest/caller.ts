import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { AccessTokenClaims } from '../access-token-claims.js';

/** The caller: the verified claims of the access token, frozen. */
export type Caller = AccessTokenClaims;

/** Injects the {@link Caller} into a parameter of a handler. @throws Error on a public route, which has no caller */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { user } = context.switchToHttp().getRequest<{ user?: Caller }>();
  if (!user) throw new Error('CurrentCaller was used on a public route');
  return user;
});
