/** A guard around jose's remote key set at its defaults: cached 10 min, fetched for an unknown kid once in 30 s. */
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Module,
  UnauthorizedException,
  type DynamicModule,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { HealthModule, runService } from '#service-kit';
import { JWKS_PATH } from '#statements';
import { peerSettings, type PeerSettings } from './peer-settings.js';

class JoseGuard implements CanActivate {
  private readonly keys;

  constructor(private readonly settings: PeerSettings) {
    this.keys = createRemoteJWKSet(new URL(settings.issuerFetchUrl + JWKS_PATH));
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { headers, url } = context.switchToHttp().getRequest<FastifyRequest>();
    if (url !== '/work') return true;
    const token = headers.authorization?.split(' ')[1] ?? '';
    const { issuer, audience } = this.settings;
    try {
      await jwtVerify(token, this.keys, { issuer, audience });
      return true;
    } catch (cause) {
      throw new UnauthorizedException(undefined, { cause });
    }
  }
}

@Controller('work')
class WorkController {
  @Get()
  work() {
    return { done: true };
  }
}

@Module({ controllers: [WorkController], imports: [HealthModule.forRoot({ checks: [] })] })
class JoseService {
  static forRoot(settings: PeerSettings): DynamicModule {
    const guard = { provide: APP_GUARD, useFactory: () => new JoseGuard(settings) };
    return { module: JoseService, providers: [guard] };
  }
}

await runService(JoseService.forRoot, { service: 'bench', version: '0', settings: peerSettings });
