import { Body, Controller, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ClientAddress } from '#service-kit';
import { Public } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { AccountsService } from './accounts.service.js';

/** E-mail addresses are compared in lower case and NFC. */
export const emailField = z
  .string()
  .max(254)
  .transform((text) => text.trim().normalize('NFC').toLowerCase())
  .pipe(z.email());

const registerBody = z.strictObject({ email: emailField, password: z.string().min(1).max(1024) });
const registered = z.strictObject({ id: z.uuid(), email: z.email() });

@ApiTags('accounts')
@Controller('auth')
export class AccountsController {
  constructor(private readonly accounts: AccountsService) {}

  @Public()
  @Post('register')
  @ApiOperation({ summary: 'Register a customer' })
  @ApiCreatedResponse({ standardSchema: registered })
  @ApiProblems('email_taken', 'password_refused', 'too_many_registrations', 'registrations_busy')
  async register(
    @Body({ schema: registerBody }) body: z.infer<typeof registerBody>,
    @ClientAddress() address: string,
  ) {
    const { id, email } = await this.accounts.register(body, address);
    return { id, email };
  }
}
