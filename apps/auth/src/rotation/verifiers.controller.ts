import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Scopes } from '#trust/nest';
import { AcknowledgementsService } from '../verifiers/acknowledgements.service.js';
import { AnchorExchangeService } from './anchor-exchange.service.js';
import { verifierList } from './key.schemas.js';

/** The route by which an administrator sees what a rotation or an anchor exchange waits for. */
@ApiTags('admin')
@Scopes('keys:manage')
@Controller('admin/verifiers')
export class VerifiersController {
  constructor(
    private readonly acknowledgements: AcknowledgementsService,
    private readonly anchors: AnchorExchangeService,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'List the counted verifiers with their keys and pins, and what an anchor exchange waits for',
  })
  @ApiOkResponse({ standardSchema: verifierList })
  async list() {
    const now = performance.now();
    const verifiers = this.acknowledgements
      .counted()
      .map(({ seenAt, at: _at, clockSkewMs, ...verifier }) => ({
        ...verifier,
        ageMs: Math.round(now - seenAt),
        clockSkewMs: Math.round(clockSkewMs),
      }));
    return {
      complete: this.acknowledgements.isComplete(),
      verifiers,
      refused: this.acknowledgements.refused(),
      anchorExchange: await this.anchors.waiting(),
    };
  }
}
