/**
 * A resource service as tutorials write it: passport-jwt, with the keys of the issuer from jwks-rsa. Nothing of Signet is
 * in it.
 *
 *   node infra/bootstrap.mjs run dist/scenarios/plain-passport-jwt/plain-service.js
 *
 * PORT, ISSUER, AUDIENCE and JWKS_OPTIONS (JSON: options of jwks-rsa) change the defaults.
 */
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { passportJwtSecret, type ExpressJwtOptions } from 'jwks-rsa';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { guardedServices } from '../../infra/system/services.js';

const {
  PORT = '3020',
  ISSUER = 'http://localhost:3000',
  AUDIENCE = guardedServices[0]!.name,
  JWKS_OPTIONS = '{}',
} = process.env;

/** What the examples of jwks-rsa say. A key stays in the cache for 10 minutes, which is the default. */
const jwksOptions: Partial<ExpressJwtOptions> = {
  cache: true,
  rateLimit: true,
  jwksRequestsPerMinute: 5,
  ...(JSON.parse(JWKS_OPTIONS) as Partial<ExpressJwtOptions>),
};

class JwtStrategy extends PassportStrategy(Strategy) {
  constructor() {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: passportJwtSecret({ jwksUri: `${ISSUER}/.well-known/jwks.json`, ...jwksOptions }),
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: ['ES256', 'RS256'],
    });
  }

  validate(claims: unknown) {
    return claims;
  }
}

@Controller('work')
class WorkController {
  @UseGuards(AuthGuard('jwt'))
  @Get()
  work() {
    return { done: true };
  }
}

@Module({ controllers: [WorkController], providers: [JwtStrategy] })
class PlainModule {}

const app = await NestFactory.create(PlainModule, new FastifyAdapter(), { logger: ['error'] });
await app.listen(PORT, '127.0.0.1');
process.stdout.write(`http://localhost:${PORT}/work accepts tokens of ${ISSUER} for ${AUDIENCE}\n`);
