//! Boards and panels as Grafana's JSON, its schema 39 (Grafana 10 and later).

use serde_json::{Value, json};

use super::{Board, Panel, Shape};

/// Columns of Grafana's grid.
const GRID: u64 = 24;

impl Board {
    /// The file's name.
    pub(crate) fn file(&self) -> String {
        format!("{}.json", self.uid)
    }

    /// The dashboard as it is kept.
    pub(crate) fn json(&self) -> String {
        let (mut x, mut y, mut row) = (0, 0, 0);
        let mut panels = Vec::new();
        for (at, panel) in self.panels.iter().enumerate() {
            if x + panel.width > GRID {
                (x, y, row) = (0, y + row, 0);
            }
            let place = json!({ "x": x, "y": y, "w": panel.width, "h": panel.height });
            panels.push(panel.json(at + 1, place));
            x += panel.width;
            row = row.max(panel.height);
        }
        let variables = std::iter::once(source()).chain(self.variables.iter().map(variable));
        let board = json!({
            "uid": format!("tidegate-{}", self.uid),
            "title": format!("Tidegate / {}", self.title),
            "description": self.about,
            "tags": ["tidegate"],
            "schemaVersion": 39,
            "editable": true,
            "refresh": "10s",
            "time": { "from": "now-30m", "to": "now" },
            "timezone": "browser",
            "graphTooltip": 1,
            "links": [{ "type": "dashboards", "title": "Tidegate", "tags": ["tidegate"], "asDropdown": true, "keepTime": true,
                "includeVars": true }],
            "templating": { "list": variables.collect::<Vec<_>>() },
            "annotations": { "list": [] },
            "panels": panels,
        });
        let text = serde_json::to_string_pretty(&board).expect("values become text");
        format!("{text}\n")
    }
}

fn source() -> Value {
    json!({ "name": "datasource", "label": "Source", "type": "datasource", "query": "prometheus" })
}

/// A variable that takes the values of a label.
fn variable((name, label, metric): &(&str, &str, &str)) -> Value {
    json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource(),
        "query": { "query": format!("label_values({metric}, {name})"), "refId": "A" },
        "refresh": 2,
        "sort": 1,
        "includeAll": true,
        "allValue": ".+",
        "multi": true,
        "current": { "text": "All", "value": "$__all" },
    })
}

fn datasource() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    fn json(&self, id: usize, place: Value) -> Value {
        let instant = matches!(
            self.shape,
            Shape::Stat | Shape::Table | Shape::Map | Shape::Matrix
        );
        let format = match self.shape {
            Shape::Table | Shape::Map | Shape::Matrix => "table",
            Shape::Heatmap => "heatmap",
            Shape::Lines | Shape::Stack | Shape::Stat | Shape::States => "time_series",
        };
        let targets = self
            .queries
            .iter()
            .zip('A'..)
            .map(|((expr, legend), name)| {
                json!({
                    "refId": name.to_string(),
                    "expr": expr,
                    "legendFormat": legend,
                    "datasource": datasource(),
                    "instant": instant,
                    "range": !instant,
                    "format": format,
                })
            });
        let mut panel = json!({
            "id": id,
            "title": self.title,
            "description": self.about,
            "type": self.shape.plugin(),
            "gridPos": place,
            "datasource": datasource(),
            "targets": targets.collect::<Vec<_>>(),
            "fieldConfig": { "defaults": self.field(), "overrides": [] },
            "options": self.options(),
        });
        if let Some(transformations) = self.transformations() {
            panel["transformations"] = transformations;
        }
        panel
    }

    fn field(&self) -> Value {
        let mut field = json!({ "unit": self.unit });
        match self.shape {
            Shape::Lines => {
                field["custom"] = json!({ "lineWidth": 2, "fillOpacity": 8, "showPoints": "never", "spanNulls": 60_000 });
                field["min"] = json!(0);
            }
            Shape::Stack => {
                field["custom"] = json!({ "lineWidth": 1, "fillOpacity": 35, "showPoints": "never",
                    "stacking": { "mode": "normal", "group": "A" } });
                field["min"] = json!(0);
            }
            Shape::States => {
                field["custom"] = json!({ "fillOpacity": 80, "lineWidth": 0 });
                field["mappings"] = json!([{ "type": "value", "options": {
                    "0": { "text": "no", "color": "red", "index": 0 },
                    "1": { "text": "yes", "color": "green", "index": 1 } } }]);
            }
            Shape::Stat | Shape::Table | Shape::Map | Shape::Matrix | Shape::Heatmap => {}
        }
        if let Some((warn, bad)) = self.steps {
            let (low, middle, high) = match warn <= bad {
                true => ("green", "orange", "red"),
                false => ("red", "orange", "green"),
            };
            let (first, second) = (warn.min(bad), warn.max(bad));
            field["thresholds"] = json!({ "mode": "absolute", "steps": [
                { "color": low, "value": null }, { "color": middle, "value": first }, { "color": high, "value": second } ] });
            field["color"] = json!({ "mode": match self.shape {
                Shape::Lines | Shape::Stack => "palette-classic",
                _ => "thresholds",
            } });
        }
        field
    }

    fn options(&self) -> Value {
        match self.shape {
            Shape::Lines | Shape::Stack => json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
            Shape::Stat => json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": "value", "graphMode": "none", "textMode": "auto",
            }),
            Shape::Table | Shape::Matrix => json!({ "showHeader": true, "cellHeight": "sm" }),
            Shape::States => json!({ "mergeValues": true, "showValue": "never", "rowHeight": 0.8,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true } }),
            Shape::Heatmap => {
                json!({ "calculate": false, "cellGap": 1, "color": { "mode": "scheme", "scheme": "Oranges" },
                "yAxis": { "unit": self.unit } })
            }
            Shape::Map => json!({
                "view": { "id": "zero", "lat": 20, "lon": 0, "zoom": 1.5 },
                "basemap": { "type": "default", "name": "Layer 0" },
                "layers": [{
                    "type": "markers", "name": "Regions", "tooltip": true,
                    "location": { "mode": "coords", "latitude": "latitude", "longitude": "longitude" },
                    "config": { "style": {
                        "color": { "field": "Value", "fixed": "dark-green" },
                        "size": { "fixed": 9, "min": 5, "max": 15 },
                        "symbol": { "fixed": "img/icons/marker/circle.svg", "mode": "fixed" },
                        "text": { "field": "region", "mode": "field" },
                        "textConfig": { "fontSize": 12, "offsetX": 14, "textAlign": "left" },
                        "opacity": 0.8 } },
                }],
            }),
        }
    }

    /// Tables show labels and values; a matrix has one label across.
    fn transformations(&self) -> Option<Value> {
        match self.shape {
            Shape::Table => Some(json!([
                { "id": "merge", "options": {} },
                { "id": "organize", "options": { "excludeByName": { "Time": true } } },
            ])),
            // Coordinates are labels, which are text.
            Shape::Map => Some(
                json!([{ "id": "convertFieldType", "options": { "conversions": [
                { "targetField": "latitude", "destinationType": "number" },
                { "targetField": "longitude", "destinationType": "number" } ], "fields": {} } }]),
            ),
            Shape::Matrix => Some(json!([{ "id": "groupingToMatrix", "options": {
                "columnField": "region", "rowField": "home", "valueField": "Value", "emptyValue": "null" } }])),
            Shape::Lines | Shape::Stack | Shape::Stat | Shape::States | Shape::Heatmap => None,
        }
    }
}

impl Shape {
    const fn plugin(self) -> &'static str {
        match self {
            Self::Lines | Self::Stack => "timeseries",
            Self::Stat => "stat",
            Self::Table | Self::Matrix => "table",
            Self::States => "state-timeline",
            Self::Heatmap => "heatmap",
            Self::Map => "geomap",
        }
    }
}
