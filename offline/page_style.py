"""The look of report pages: quiet, light or dark, with curves that colour-blind readers can tell apart."""

STYLE = """
:root { color-scheme: light dark; --ground: #fcfcfa; --card: #f2f1ed; --ink: #20211f; --quiet: #6b6c66; --rule: #dcdad2;
  --c0: #2467b5; --c1: #c4641a; --c2: #21866a; --c3: #a8457f; --c4: #8a7413; --c5: #6a5bb8; }
@media (prefers-color-scheme: dark) { :root { --ground: #191a1b; --card: #232527; --ink: #e6e5e0; --quiet: #9b9c97;
  --rule: #3a3c3e; --c0: #6fa8ea; --c1: #e8935a; --c2: #5cc0a0; --c3: #dc8bb9; --c4: #cdb757; --c5: #a99df0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 832px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; font-weight: 600; line-height: 1.25; margin: 0 0 16px; }
h2 { font-size: 18px; font-weight: 600; margin: 40px 0 8px; }
p { margin: 8px 0; max-width: 68ch; }
figure { margin: 16px 0; }
figcaption { color: var(--quiet); font-size: 14px; margin-top: 4px; max-width: 80ch; }
img, video { display: block; max-width: 100%; border-radius: 4px; }
svg { display: block; max-width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--quiet); }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; } svg .label { fill: var(--ink); }
svg .axis { stroke: var(--quiet); } svg .grid { stroke: var(--rule); }
svg .limit { stroke: var(--quiet); stroke-dasharray: 4 4; }
svg .band { fill: var(--c1); fill-opacity: 0.18; }
svg .heat { fill: var(--c0); }
svg .curve { fill: none; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
.c0 { stroke: var(--c0); } .c1 { stroke: var(--c1); } .c2 { stroke: var(--c2); }
.c3 { stroke: var(--c3); } .c4 { stroke: var(--c4); } .c5 { stroke: var(--c5); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; list-style: none; margin: 0 0 4px; padding: 0;
  font-size: 14px; }
.legend i { display: inline-block; width: 18px; height: 3px; margin-right: 8px; vertical-align: middle; }
.k0 { background: var(--c0); } .k1 { background: var(--c1); } .k2 { background: var(--c2); }
.k3 { background: var(--c3); } .k4 { background: var(--c4); } .k5 { background: var(--c5); }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px; margin: 16px 0; }
.figures div { background: var(--card); border-radius: 6px; padding: 10px 14px; }
.figures dt { color: var(--quiet); font-size: 13px; } .figures dd { margin: 0; font-size: 20px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; margin: 12px 0; }
th, td { text-align: left; padding: 5px 16px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { color: var(--quiet); font-weight: 500; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
"""
