import { Controller, Get, Inject } from '@nestjs/common';
import { Authenticator } from '../authenticate.js';
import { KeyRing } from '../key-ring.js';
import { Public } from './public.js';
import { TRUST_OPTIONS, type TrustModuleOptions } from './trust-options.js';

/**
 * `GET /trust`: what this service knows about the issuer, and how many requests it accepted and refused. Public facts
 * only.
 */
@Controller('trust')
export class TrustController {
  constructor(
    private readonly ring: KeyRing,
    private readonly authenticator: Authenticator,
    @Inject(TRUST_OPTIONS) private readonly options: TrustModuleOptions,
  ) {}

  @Public()
  @Get()
  show() {
    return { audience: this.options.audience, ...this.ring.facts(), requests: this.authenticator.counts() };
  }
}
