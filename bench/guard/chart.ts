import * as echarts from 'echarts';

export interface Bar {
  readonly title: string;
  readonly value: number;
  readonly highlighted: boolean;
  /** What stands beside the bar. Default: the value. */
  readonly label?: string;
}

/** A bar chart as SVG, the first bar on top. Values are ratios. */
export function barChart(heading: string, bars: readonly Bar[]): string {
  const rows = [...bars].reverse();
  const height = 70 + rows.length * 26;
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 760, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: { text: heading, left: 8, top: 8, textStyle: { fontSize: 14, fontWeight: 'normal' } },
    grid: { left: 280, right: 60, top: 44, bottom: 16 },
    xAxis: { type: 'value', min: 0, max: 1, show: false },
    yAxis: {
      type: 'category',
      data: rows.map(({ title }) => title.replaceAll('`', '')),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: '#333333', fontSize: 12 },
    },
    series: [
      {
        type: 'bar',
        barWidth: 16,
        data: rows.map(({ value, highlighted, label = value.toFixed(2) }) => ({
          value: Math.min(1, value),
          itemStyle: { color: highlighted ? '#1f6feb' : '#b6bec8' },
          label: { show: true, position: 'right', formatter: label, color: '#333333' },
        })),
      },
    ],
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
