import { Controller, Get } from '@nestjs/common';
import { Authenticator } from '../authenticate.js';
import { KeyRing } from '../key-ring.js';
import { Public } from './public.js';

/** `GET /trust`: what this service knows of the issuer, and how it judged. Public facts only. */
@Controller('trust')
export class TrustController {
  constructor(
    private readonly ring: KeyRing,
    private readonly authenticator: Authenticator,
  ) {}

  @Public()
  @Get()
  show() {
    return { ...this.ring.facts(), requests: this.authenticator.counts() };
  }
}
