import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { pageQuery, type Page, type PageQuery } from '#service-kit';
import { CurrentBearer, CurrentCaller, Scopes, type Bearer, type Caller } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import { IdempotencyKey } from '../idempotency/idempotency-key.js';
import {
  order,
  orderId,
  orderPage,
  orderRequest,
  type OrderRequest,
  type OrderView,
} from './order.schemas.js';
import { OrdersService } from './orders.service.js';

@ApiTags('orders')
@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Scopes('orders:write')
  @Post()
  @ApiOperation({ summary: 'Place an order at the present prices' })
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'A request that is repeated with the same key places no second order. A key is kept for 24 hours.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  })
  @ApiCreatedResponse({ standardSchema: order })
  @ApiProblems(
    'unknown_sku',
    'mixed_currencies',
    'new_account_limit',
    'out_of_stock',
    'idempotency_key_in_flight',
    'idempotency_key_reused',
    'inventory_unavailable',
  )
  place(
    @CurrentBearer() bearer: Bearer,
    @Body({ schema: orderRequest }) body: OrderRequest,
    @IdempotencyKey() key: string | undefined,
  ): Promise<OrderView> {
    return this.orders.place(bearer, body, key);
  }

  @Scopes('orders:read')
  @Get()
  @ApiOperation({ summary: 'List your orders in pages, the newest first' })
  @ApiOkResponse({ standardSchema: orderPage })
  list(
    @CurrentCaller() { sub }: Caller,
    @Query({ schema: pageQuery }) query: PageQuery,
  ): Promise<Page<OrderView>> {
    return this.orders.list(sub, query);
  }

  @Scopes('orders:read')
  @Get(':id')
  @ApiOperation({ summary: 'Get one of your orders' })
  @ApiOkResponse({ standardSchema: order })
  @ApiProblems('order_not_found')
  get(@CurrentCaller() { sub }: Caller, @Param('id', { schema: orderId }) id: string): Promise<OrderView> {
    return this.orders.get(sub, id);
  }

  @Scopes('orders:write')
  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel one of your orders; a second call changes nothing' })
  @ApiOkResponse({ standardSchema: order })
  @ApiProblems('order_not_found', 'inventory_unavailable')
  cancel(@CurrentBearer() bearer: Bearer, @Param('id', { schema: orderId }) id: string): Promise<OrderView> {
    return this.orders.cancel(bearer, id);
  }
}
