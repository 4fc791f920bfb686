//! SOP classes and transfer syntaxes as one table: negotiation and the conformance statement both read it.

use crate::pixels::decodes;

/// What happens to instances of a SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handling {
    /// Stored and analysed.
    Analyzed,
    /// Stored (or refused, by configuration), never analysed.
    Kept,
}

/// A storage SOP class (PS3.4 B.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageClass {
    /// SOP Class UID.
    pub uid: &'static str,
    /// Name in PS3.6.
    pub name: &'static str,
    /// What happens to its instances.
    pub handling: Handling,
}

/// A transfer syntax that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax {
    /// Transfer syntax UID.
    pub uid: &'static str,
    /// Name in PS3.6.
    pub name: &'static str,
    /// Whether pixels may have lost something on the way into it.
    pub lossy: Loss,
}

/// Whether a transfer syntax can lose information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Never.
    Lossless,
    /// It may: the result carries a warning.
    Lossy,
}

const fn analyzed(uid: &'static str, name: &'static str) -> StorageClass {
    StorageClass { uid, name, handling: Handling::Analyzed }
}

const fn kept(uid: &'static str, name: &'static str) -> StorageClass {
    StorageClass { uid, name, handling: Handling::Kept }
}

/// Every storage SOP class of PS3.4 that a study may carry.
pub const STORAGE_CLASSES: &[StorageClass] = &[
    kept("1.2.840.10008.5.1.4.1.1.1", "Computed Radiography Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.1.1", "Digital X-Ray Image Storage - For Presentation"),
    kept("1.2.840.10008.5.1.4.1.1.1.1.1", "Digital X-Ray Image Storage - For Processing"),
    kept("1.2.840.10008.5.1.4.1.1.1.2", "Digital Mammography X-Ray Image Storage - For Presentation"),
    kept("1.2.840.10008.5.1.4.1.1.1.2.1", "Digital Mammography X-Ray Image Storage - For Processing"),
    kept("1.2.840.10008.5.1.4.1.1.1.3", "Digital Intra-Oral X-Ray Image Storage - For Presentation"),
    kept("1.2.840.10008.5.1.4.1.1.1.3.1", "Digital Intra-Oral X-Ray Image Storage - For Processing"),
    analyzed("1.2.840.10008.5.1.4.1.1.2", "CT Image Storage"),
    analyzed("1.2.840.10008.5.1.4.1.1.2.1", "Enhanced CT Image Storage"),
    analyzed("1.2.840.10008.5.1.4.1.1.2.2", "Legacy Converted Enhanced CT Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.2.3", "CT Image Storage - For Processing"),
    kept("1.2.840.10008.5.1.4.1.1.2.4", "Enhanced CT Image Storage - For Processing"),
    kept("1.2.840.10008.5.1.4.1.1.2.5", "Legacy Converted Enhanced CT Image Storage - For Processing"),
    kept("1.2.840.10008.5.1.4.1.1.3", "Ultrasound Multi-frame Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.3.1", "Ultrasound Multi-frame Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.4", "MR Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.4.1", "Enhanced MR Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.4.2", "MR Spectroscopy Storage"),
    kept("1.2.840.10008.5.1.4.1.1.4.3", "Enhanced MR Color Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.4.4", "Legacy Converted Enhanced MR Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.5", "Nuclear Medicine Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.6", "Ultrasound Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.6.1", "Ultrasound Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.6.2", "Enhanced US Volume Storage"),
    kept("1.2.840.10008.5.1.4.1.1.6.3", "Photoacoustic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.7", "Secondary Capture Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.7.1", "Multi-frame Single Bit Secondary Capture Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.7.2", "Multi-frame Grayscale Byte Secondary Capture Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.7.3", "Multi-frame Grayscale Word Secondary Capture Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.7.4", "Multi-frame True Color Secondary Capture Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.8", "Standalone Overlay Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9", "Standalone Curve Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.1.1", "12-lead ECG Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.1.2", "General ECG Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.1.3", "Ambulatory ECG Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.1.4", "General 32-bit ECG Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.2.1", "Hemodynamic Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.3.1", "Cardiac Electrophysiology Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.4.1", "Basic Voice Audio Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.4.2", "General Audio Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.5.1", "Arterial Pulse Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.6.1", "Respiratory Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.6.2", "Multi-channel Respiratory Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.7.1", "Routine Scalp Electroencephalogram Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.7.2", "Electromyogram Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.7.3", "Electrooculogram Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.7.4", "Sleep Electroencephalogram Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.8.1", "Body Position Waveform Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.100.1", "Waveform Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.9.100.2", "Waveform Acquisition Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.10", "Standalone Modality LUT Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11", "Standalone VOI LUT Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.1", "Grayscale Softcopy Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.2", "Color Softcopy Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.3", "Pseudo-Color Softcopy Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.4", "Blending Softcopy Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.5", "XA/XRF Grayscale Softcopy Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.6", "Grayscale Planar MPR Volumetric Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.7", "Compositing Planar MPR Volumetric Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.8", "Advanced Blending Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.9", "Volume Rendering Volumetric Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.10", "Segmented Volume Rendering Volumetric Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.11", "Multiple Volume Rendering Volumetric Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.11.12", "Variable Modality LUT Softcopy Presentation State Storage"),
    kept("1.2.840.10008.5.1.4.1.1.12.1", "X-Ray Angiographic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.12.1.1", "Enhanced XA Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.12.2", "X-Ray Radiofluoroscopic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.12.2.1", "Enhanced XRF Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.12.3", "X-Ray Angiographic Bi-Plane Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.13.1.1", "X-Ray 3D Angiographic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.13.1.2", "X-Ray 3D Craniofacial Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.13.1.3", "Breast Tomosynthesis Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.13.1.4", "Breast Projection X-Ray Image Storage - For Presentation"),
    kept("1.2.840.10008.5.1.4.1.1.13.1.5", "Breast Projection X-Ray Image Storage - For Processing"),
    kept(
        "1.2.840.10008.5.1.4.1.1.14.1",
        "Intravascular Optical Coherence Tomography Image Storage - For Presentation",
    ),
    kept(
        "1.2.840.10008.5.1.4.1.1.14.2",
        "Intravascular Optical Coherence Tomography Image Storage - For Processing",
    ),
    kept("1.2.840.10008.5.1.4.1.1.20", "Nuclear Medicine Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.30", "Parametric Map Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66", "Raw Data Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.1", "Spatial Registration Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.2", "Spatial Fiducials Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.3", "Deformable Spatial Registration Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.5", "Surface Segmentation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.6", "Tractography Results Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.7", "Label Map Segmentation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.66.8", "Height Map Segmentation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.67", "Real World Value Mapping Storage"),
    kept("1.2.840.10008.5.1.4.1.1.68.1", "Surface Scan Mesh Storage"),
    kept("1.2.840.10008.5.1.4.1.1.68.2", "Surface Scan Point Cloud Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.1", "VL Endoscopic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.1.1", "Video Endoscopic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.2", "VL Microscopic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.2.1", "Video Microscopic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.3", "VL Slide-Coordinates Microscopic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.4", "VL Photographic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.4.1", "Video Photographic Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.5.1", "Ophthalmic Photography 8 Bit Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.5.2", "Ophthalmic Photography 16 Bit Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.5.3", "Stereometric Relationship Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.5.4", "Ophthalmic Tomography Image Storage"),
    kept(
        "1.2.840.10008.5.1.4.1.1.77.1.5.5",
        "Wide Field Ophthalmic Photography Stereographic Projection Image Storage",
    ),
    kept(
        "1.2.840.10008.5.1.4.1.1.77.1.5.6",
        "Wide Field Ophthalmic Photography 3D Coordinates Image Storage",
    ),
    kept("1.2.840.10008.5.1.4.1.1.77.1.5.7", "Ophthalmic Optical Coherence Tomography En Face Image Storage"),
    kept(
        "1.2.840.10008.5.1.4.1.1.77.1.5.8",
        "Ophthalmic Optical Coherence Tomography B-scan Volume Analysis Storage",
    ),
    kept("1.2.840.10008.5.1.4.1.1.77.1.6", "VL Whole Slide Microscopy Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.7", "Dermoscopic Photography Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.8", "Confocal Microscopy Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.77.1.9", "Confocal Microscopy Tiled Pyramidal Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.1", "Lensometry Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.2", "Autorefraction Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.3", "Keratometry Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.4", "Subjective Refraction Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.5", "Visual Acuity Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.6", "Spectacle Prescription Report Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.7", "Ophthalmic Axial Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.78.8", "Intraocular Lens Calculations Storage"),
    kept("1.2.840.10008.5.1.4.1.1.79.1", "Macular Grid Thickness and Volume Report Storage"),
    kept("1.2.840.10008.5.1.4.1.1.80.1", "Ophthalmic Visual Field Static Perimetry Measurements Storage"),
    kept("1.2.840.10008.5.1.4.1.1.81.1", "Ophthalmic Thickness Map Storage"),
    kept("1.2.840.10008.5.1.4.1.1.82.1", "Corneal Topography Map Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.11", "Basic Text SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.22", "Enhanced SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.34", "Comprehensive 3D SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.35", "Extensible SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.40", "Procedure Log Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.50", "Mammography CAD SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.59", "Key Object Selection Document Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.65", "Chest CAD SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.67", "X-Ray Radiation Dose SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.68", "Radiopharmaceutical Radiation Dose SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.69", "Colon CAD SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.70", "Implantation Plan SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.71", "Acquisition Context SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.72", "Simplified Adult Echo SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.73", "Patient Radiation Dose SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.74", "Planned Imaging Agent Administration SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.75", "Performed Imaging Agent Administration SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.76", "Enhanced X-Ray Radiation Dose SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.88.77", "Waveform Annotation SR Storage"),
    kept("1.2.840.10008.5.1.4.1.1.90.1", "Content Assessment Results Storage"),
    kept("1.2.840.10008.5.1.4.1.1.91.1", "Microscopy Bulk Simple Annotations Storage"),
    kept("1.2.840.10008.5.1.4.1.1.104.1", "Encapsulated PDF Storage"),
    kept("1.2.840.10008.5.1.4.1.1.104.2", "Encapsulated CDA Storage"),
    kept("1.2.840.10008.5.1.4.1.1.104.3", "Encapsulated STL Storage"),
    kept("1.2.840.10008.5.1.4.1.1.104.4", "Encapsulated OBJ Storage"),
    kept("1.2.840.10008.5.1.4.1.1.104.5", "Encapsulated MTL Storage"),
    kept("1.2.840.10008.5.1.4.1.1.128", "Positron Emission Tomography Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.128.1", "Legacy Converted Enhanced PET Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.129", "Standalone PET Curve Storage"),
    kept("1.2.840.10008.5.1.4.1.1.130", "Enhanced PET Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.131", "Basic Structured Display Storage"),
    kept("1.2.840.10008.5.1.4.1.1.200.1", "CT Defined Procedure Protocol Storage"),
    kept("1.2.840.10008.5.1.4.1.1.200.2", "CT Performed Procedure Protocol Storage"),
    kept("1.2.840.10008.5.1.4.1.1.200.3", "Protocol Approval Storage"),
    kept("1.2.840.10008.5.1.4.1.1.200.7", "XA Defined Procedure Protocol Storage"),
    kept("1.2.840.10008.5.1.4.1.1.200.8", "XA Performed Procedure Protocol Storage"),
    kept("1.2.840.10008.5.1.4.1.1.201.1", "Inventory Storage"),
    kept("1.2.840.10008.5.1.4.1.1.201.1.1", "Well-known SOP Instance: Storage Management SOP Instance"),
    kept("1.2.840.10008.5.1.4.1.1.481.1", "RT Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.2", "RT Dose Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.3", "RT Structure Set Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.4", "RT Beams Treatment Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.5", "RT Plan Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.6", "RT Brachy Treatment Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.7", "RT Treatment Summary Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.8", "RT Ion Plan Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.9", "RT Ion Beams Treatment Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.10", "RT Physician Intent Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.11", "RT Segment Annotation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.12", "RT Radiation Set Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.13", "C-Arm Photon-Electron Radiation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.14", "Tomotherapeutic Radiation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.15", "Robotic-Arm Radiation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.16", "RT Radiation Record Set Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.17", "RT Radiation Salvage Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.18", "Tomotherapeutic Radiation Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.19", "C-Arm Photon-Electron Radiation Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.20", "Robotic Radiation Record Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.21", "RT Radiation Set Delivery Instruction Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.22", "RT Treatment Preparation Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.23", "Enhanced RT Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.24", "Enhanced Continuous RT Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.481.25", "RT Patient Position Acquisition Instruction Storage"),
    kept("1.2.840.10008.5.1.4.1.1.501.1", "DICOS CT Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.501.2.1", "DICOS Digital X-Ray Image Storage - For Presentation"),
    kept("1.2.840.10008.5.1.4.1.1.501.2.2", "DICOS Digital X-Ray Image Storage - For Processing"),
    kept("1.2.840.10008.5.1.4.1.1.501.3", "DICOS Threat Detection Report Storage"),
    kept("1.2.840.10008.5.1.4.1.1.501.4", "DICOS 2D AIT Storage"),
    kept("1.2.840.10008.5.1.4.1.1.501.5", "DICOS 3D AIT Storage"),
    kept("1.2.840.10008.5.1.4.1.1.501.6", "DICOS Quadrupole Resonance (QR) Storage"),
    kept("1.2.840.10008.5.1.4.1.1.601.1", "Eddy Current Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.601.2", "Eddy Current Multi-frame Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.601.3", "Thermography Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.601.4", "Thermography Multi-frame Image Storage"),
    kept("1.2.840.10008.5.1.4.1.1.601.5", "Ultrasound Waveform Storage"),
    kept("1.2.840.10008.5.1.4.34.7", "RT Beams Delivery Instruction Storage"),
    kept("1.2.840.10008.5.1.4.34.10", "RT Brachy Application Setup Delivery Instruction Storage"),
];

const fn lossless(uid: &'static str, name: &'static str) -> TransferSyntax {
    TransferSyntax { uid, name, lossy: Loss::Lossless }
}

const fn lossy(uid: &'static str, name: &'static str) -> TransferSyntax {
    TransferSyntax { uid, name, lossy: Loss::Lossy }
}

/// Transfer syntaxes whose pixels we decode, in our order of preference as acceptor: uncompressed first,
/// lossless before lossy.
///
/// JPEG Extended (.51) is decoded with 8-bit samples only, see [`crate::pixels`]; the 12-bit form that CT
/// would use is accepted for storage and refused at analysis with its reason.
pub const TRANSFER_SYNTAXES: &[TransferSyntax] = &[
    lossless("1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
    lossless("1.2.840.10008.1.2", "Implicit VR Little Endian"),
    lossless("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
    lossless("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian"),
    lossless("1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
    lossless("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    lossless("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
    lossless("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)"),
    lossless("1.2.840.10008.1.2.5", "RLE Lossless"),
    lossless("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)"),
    lossless("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)"),
    lossless("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)"),
    lossy("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)"),
    lossy("1.2.840.10008.1.2.4.91", "JPEG 2000"),
    lossy("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),
    lossy("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)"),
    lossy("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)"),
];

/// The row of a storage SOP class.
#[must_use]
pub fn storage_class(sop_class_uid: &str) -> Option<&'static StorageClass> {
    STORAGE_CLASSES.iter().find(|c| c.uid == sop_class_uid)
}

/// The row of a transfer syntax that we decode.
#[must_use]
pub fn transfer_syntax(uid: &str) -> Option<&'static TransferSyntax> {
    TRANSFER_SYNTAXES.iter().find(|t| t.uid == uid && decodes(uid))
}

/// Is this one of the CT image classes that are analysed?
#[must_use]
pub fn is_analyzed(sop_class_uid: &str) -> bool {
    storage_class(sop_class_uid).is_some_and(|c| c.handling == Handling::Analyzed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The table must have no doubles, hold the three CT classes, and claim only what there is a decoder for.
    #[test]
    fn the_table_claims_what_is_there() {
        let uids: BTreeSet<_> = STORAGE_CLASSES.iter().map(|c| c.uid).collect();
        assert_eq!(uids.len(), STORAGE_CLASSES.len());
        let analyzed: Vec<_> =
            STORAGE_CLASSES.iter().filter(|c| c.handling == Handling::Analyzed).map(|c| c.uid).collect();
        assert_eq!(
            analyzed,
            ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"]
        );
        for syntax in TRANSFER_SYNTAXES {
            assert!(decodes(syntax.uid), "{}", syntax.name);
        }
        assert!(transfer_syntax("1.2.840.10008.1.2.4.100").is_none(), "MPEG2 is not decoded");
    }
}
