//! What is said of a series: why it was not analysed, and what a reader should know when it was (`domain::SkipReason`,
//! `domain::SeriesWarning`).

use super::Phrase;

#[rustfmt::skip]
pub(super) const PHRASES: &[Phrase] = &[
    // Why a series was not analysed
    ("series holds no CT images (SOP class {}); only CT is analysed", "", "序列不含 CT 图像（SOP 类 {0}）；仅分析 CT"),
    ("series holds only localizer images; send the axial series", "", "序列仅含定位像；请发送轴位序列"),
    ("series is a dose report or screen save, not a scan", "", "序列为剂量报告或屏幕截图，不是扫描图像"),
    ("series is a derived reformat ({}); send the original axial series", "", "序列为重组图像（{0}）；请发送原始轴位序列"),
    ("only {} axial slices, at least {} are needed; send the whole series or lower assembly.slices_count_min", "",
        "轴位图像仅 {0} 层，至少需要 {1} 层；请发送完整序列，或调低 assembly.slices_count_min"),
    ("slices cover {} mm, at least {} mm are needed; send the whole series or lower assembly.coverage_mm_min", "",
        "扫描覆盖 {0} mm，至少需要 {1} mm；请发送完整序列，或调低 assembly.coverage_mm_min"),
    ("slice gap: {} mm after slice {} where the others are {} mm apart; resend the missing slices", "",
        "缺层：第 {1} 层之后间隔 {0} mm，其余层间距为 {2} mm；请重新发送缺失的图像"),
    ("slice spacing is uneven ({} to {} mm); send a reconstruction with even spacing", "",
        "层间距不均匀（{0} 至 {1} mm）；请发送层间距均匀的重建"),
    ("{} positions hold more than one image with different pixels (first at {} mm along the normal); send each phase as its own series", "",
        "{0} 个位置有多幅不同的图像（第一处在法线方向 {1} mm）；请将各期相分别作为单独序列发送"),
    ("slices have different orientations and no single stack is complete; send the axial series alone", "",
        "图像方向不一致，且没有完整的单一层组；请单独发送轴位序列"),
    ("slices have different matrix size or pixel spacing; send one reconstruction per series", "",
        "图像矩阵或像素间距不一致；每个序列请只发送一个重建"),
    ("slices are not axial ({} degrees from it); send the axial series", "", "图像不是轴位（偏离 {0} 度）；请发送轴位序列"),
    ("gantry tilt of {} degrees shears the stack; send a series without tilt or raise assembly.tilt_degrees_max", "",
        "机架倾斜 {0} 度使层组错切；请发送无倾斜的序列，或调高 assembly.tilt_degrees_max"),
    ("slices are {} mm thick or apart, at most {} mm is analysed; send the thin reconstruction or raise assembly.thickness_mm_max", "",
        "层厚或层间距为 {0} mm，最多分析 {1} mm；请发送薄层重建，或调高 assembly.thickness_mm_max"),
    ("{} is missing or malformed in instance {}; the scanner or a router dropped it", "",
        "图像 {1} 缺少 {0} 或其格式错误；可能被扫描设备或路由丢弃"),
    ("pixel format is not that of a CT ({})", "", "像素格式不是 CT 的格式（{0}）"),
    ("pixels of instance {} cannot be decoded: {}; resend it", "", "图像 {0} 的像素无法解码：{1}；请重新发送"),
    ("no chest found in the pixels ({})", "", "图像中未找到胸部（{0}）"),
    ("series {} of the same acquisition was analysed instead: {}", "", "已改为分析同一次采集的序列 {0}：{1}"),
    // What a reader should know
    ("slices are {} mm thick or apart: small nodules may be missed and volumes are coarse", "",
        "层厚或层间距为 {0} mm：小结节可能漏检，体积较粗略"),
    ("pixels were compressed with loss: densities and small nodules may be off", "", "图像为有损压缩：密度和小结节可能有偏差"),
    ("gantry tilt of {} degrees was corrected by resampling", "", "机架倾斜 {0} 度，已重采样校正"),
    ("one missing slice after slice {} was interpolated from its neighbours", "", "第 {0} 层之后缺一层，已由相邻层插值"),
    ("{} images of the series were left out: {}", "", "序列中有 {0} 幅图像未采用：{1}"),
    ("rescale values are missing; slope 1 and intercept {} were assumed", "", "缺少重标定值；按斜率 1、截距 {0} 处理"),
    ("contrast agent was given: densities are not those of a plain scan", "", "使用了对比剂：密度不同于平扫"),
];
