import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentBearer, Scopes, type Bearer } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { delegation, PartnerCallee, type Delegation } from './partner-callee.js';

/** Shows the call of partner. An example: replace it by the routes that need partner. */
@ApiTags('callees')
@Controller('callees/partner')
export class PartnerCalleeController {
  constructor(private readonly callee: PartnerCallee) {}

  @Scopes('sample:write')
  @Get()
  @ApiOperation({ summary: 'Call partner, and show for which account and with which scopes' })
  @ApiOkResponse({ standardSchema: delegation })
  @ApiProblems('upstream_invalid', 'upstream_unavailable', 'upstream_timeout')
  get(@CurrentBearer() bearer: Bearer): Promise<Delegation> {
    return this.callee.delegation(bearer);
  }
}
