import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Page, PageQuery } from '#service-kit';
import { Public, Scopes } from '#trust/nest';
import { ApiProblems } from '../errors.js';
import type { Product } from './product.entity.js';
import {
  product,
  productPage,
  productPageQuery,
  sku,
  stockChange,
  type ProductView,
  type StockChange,
} from './product.schemas.js';
import { ProductsService } from './products.service.js';

@ApiTags('products')
@Controller('products')
export class ProductsController {
  constructor(private readonly products: ProductsService) {}

  @Public()
  @Get()
  @ApiOperation({ summary: 'List all products in pages, the newest first' })
  @ApiOkResponse({ standardSchema: productPage })
  async list(@Query({ schema: productPageQuery }) query: PageQuery): Promise<Page<ProductView>> {
    const page = await this.products.list(query);
    return { ...page, items: page.items.map(view) };
  }

  @Public()
  @Get(':sku')
  @ApiOperation({ summary: 'Get one product' })
  @ApiOkResponse({ standardSchema: product })
  @ApiProblems('product_not_found')
  async get(@Param('sku', { schema: sku }) sku: string): Promise<ProductView> {
    return view(await this.products.get(sku));
  }

  @Scopes('inventory:write')
  @Post()
  @ApiOperation({ summary: 'Add a product' })
  @ApiCreatedResponse({ standardSchema: product })
  @ApiProblems('product_exists')
  async add(@Body({ schema: product }) body: ProductView): Promise<ProductView> {
    await this.products.add(body);
    return body;
  }

  @Scopes('inventory:write')
  @Put(':sku/stock')
  @ApiOperation({ summary: 'Set the stock of a product' })
  @ApiOkResponse({ standardSchema: product })
  @ApiProblems('product_not_found')
  async setStock(
    @Param('sku', { schema: sku }) sku: string,
    @Body({ schema: stockChange }) { stock }: StockChange,
  ): Promise<ProductView> {
    return view(await this.products.setStock(sku, stock));
  }
}

function view({ sku, name, priceCents, currency, stock }: Product): ProductView {
  return { sku, name, priceCents, currency, stock };
}
