/** The verifier that NestJS users build: passport-jwt, with the keys from jwks-rsa at its defaults (cached 10 min). */
import { Controller, Get, Module, UseGuards, type DynamicModule } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { passportJwtSecret } from 'jwks-rsa';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { HealthModule, runService } from '#service-kit';
import { JWKS_PATH } from '#statements';
import { peerSettings, type PeerSettings } from './peer-settings.js';

class JwtStrategy extends PassportStrategy(Strategy) {
  constructor({ issuer, issuerFetchUrl, audience, jwksRequestsPerMinute }: PeerSettings) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKeyProvider: passportJwtSecret({
        jwksUri: issuerFetchUrl + JWKS_PATH,
        cache: true,
        ...(jwksRequestsPerMinute > 0 && { rateLimit: true, jwksRequestsPerMinute }),
      }),
      issuer,
      audience,
      algorithms: ['ES256', 'RS256'],
    });
  }

  validate(claims: unknown) {
    return claims;
  }
}

@Controller('work')
class WorkController {
  @Get()
  @UseGuards(AuthGuard('jwt'))
  work() {
    return { done: true };
  }
}

@Module({ controllers: [WorkController], imports: [HealthModule.forRoot({ checks: [] })] })
class JwksRsaService {
  static forRoot(settings: PeerSettings): DynamicModule {
    const strategy = { provide: JwtStrategy, useFactory: () => new JwtStrategy(settings) };
    return { module: JwksRsaService, providers: [strategy] };
  }
}

await runService(JwksRsaService.forRoot, { service: 'bench', version: '0', settings: peerSettings });
