import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ActedBy, CurrentCaller, Scopes, type Caller } from '#trust/nest';

/** For which account sample calls, and with which scopes. */
const delegation = z.strictObject({ accountId: z.string(), scope: z.string() });
type Delegation = z.output<typeof delegation>;

/** For sample, which acts for an account. An example: replace it by what sample needs of partner. */
@ActedBy('sample')
@ApiTags('callers')
@Controller('callers/sample')
export class SampleCallerController {
  @Scopes('partner:call')
  @Get()
  @ApiOperation({ summary: 'Show for which account sample calls, and with which scopes' })
  @ApiOkResponse({ standardSchema: delegation })
  get(@CurrentCaller() { sub, scope = '' }: Caller): Delegation {
    return { accountId: sub, scope };
  }
}
