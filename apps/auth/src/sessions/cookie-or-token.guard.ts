import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { TokenGuard } from '#trust/nest';
import { refreshTokenOfCookie } from './refresh-cookie.js';

/**
 * Lets a request in that has the refresh cookie of a browser. Any other request needs an access token. A request with an
 * `Authorization` field is judged by that field alone.
 */
@Injectable()
export class CookieOrTokenGuard implements CanActivate {
  constructor(private readonly tokens: TokenGuard) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    if (headers.authorization === undefined && refreshTokenOfCookie(headers) !== undefined) return true;
    return this.tokens.requireToken(context, { audience: undefined, scopes: [], strict: false });
  }
}
