import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { ActedBy, CurrentCaller, Scopes, type Caller } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import {
  orderId,
  reservation,
  reservationRequest,
  type ReservationRequest,
  type ReservationView,
} from './reservation.schemas.js';
import { ReservationsService } from './reservations.service.js';

/** For orders, which acts for a customer. No customer and no other service can reserve goods. */
@ActedBy('orders')
@ApiTags('reservations')
@Controller('reservations')
export class ReservationsController {
  constructor(private readonly reservations: ReservationsService) {}

  @Scopes('inventory:reserve')
  @Post()
  @ApiOperation({ summary: 'Reserve the goods of an order; the same request again changes nothing' })
  @ApiCreatedResponse({ standardSchema: reservation })
  @ApiProblems('unknown_sku', 'out_of_stock', 'reservation_differs', 'reservation_released')
  reserve(
    @CurrentCaller() { sub }: Caller,
    @Body({ schema: reservationRequest }) body: ReservationRequest,
  ): Promise<ReservationView> {
    return this.reservations.reserve(sub, body);
  }

  @Scopes('inventory:reserve')
  @Get(':orderId')
  @ApiOperation({ summary: 'Get the reservation of an order' })
  @ApiOkResponse({ standardSchema: reservation })
  @ApiProblems('reservation_not_found')
  get(
    @CurrentCaller() { sub }: Caller,
    @Param('orderId', { schema: orderId }) id: string,
  ): Promise<ReservationView> {
    return this.reservations.get(sub, id);
  }

  @Scopes('inventory:reserve')
  @Delete(':orderId')
  @HttpCode(204)
  @ApiOperation({ summary: 'Release the goods of an order; a second call changes nothing' })
  @ApiNoContentResponse()
  @ApiProblems('reservation_not_found')
  release(
    @CurrentCaller() { sub }: Caller,
    @Param('orderId', { schema: orderId }) id: string,
  ): Promise<void> {
    return this.reservations.release(sub, id);
  }
}
