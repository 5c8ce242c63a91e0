import { Body, Controller, Get, Header, HttpCode, Ip, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { AnyAudience, CurrentCaller, Public, type Caller } from '#trust/nest';
import { emailField } from '../accounts/accounts.controller.js';
import { AuthError } from '../errors.js';
import { SessionsService } from './sessions.service.js';

const loginBody = z.strictObject({
  email: emailField,
  password: z.string().min(1).max(1024),
  audience: z.string().min(1).max(64).optional(),
});

@ApiTags('sessions')
@AnyAudience()
@Controller('auth')
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'Log in; the token is for one audience' })
  async login(@Body({ schema: loginBody }) body: z.infer<typeof loginBody>, @Ip() address: string) {
    const { accessToken, expiresIn, scope } = await this.sessions.login(body, address);
    return { access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn, scope };
  }

  @Get('me')
  @ApiBearerAuth()
  @ApiOperation({ summary: 'The account of the caller, with a token for any audience' })
  async me(@CurrentCaller() { sid }: Caller) {
    const account = await this.sessions.accountOf(sid!);
    // The guard found it live; that was a moment ago.
    if (!account) throw new AuthError('session_ended');
    const { id, email, roles, createdAt } = account;
    return { id, email, roles, createdAt, sid };
  }
}
